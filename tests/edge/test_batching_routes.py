import asyncio
from typing import Any

import pytest

from penstock.core.errors import CallerError
from penstock.edge.batching_routes import BATCHING, BatchingRoutes
from penstock.process.loop import run
from tests.support.gateway import ECHO, ask, running_gateway


def test_it_tells_of_each_worker() -> None:
    async def main() -> None:
        async with running_gateway(ECHO + "batching: {enabled: true}\n") as gateway, asyncio.timeout(30):
            told = (await ask(gateway.port, "GET", BATCHING, [gateway.bearer])).json()
            assert [(row["worker"], row["batches"], row["learned"]) for row in told["workers"]] == [(0, [], [])]

    run(main())


def test_it_wants_a_key_with_the_right_admin() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            assert (await ask(gateway.port, "GET", BATCHING)).status == 401
            assert (await ask(gateway.port, "POST", BATCHING, [gateway.bearer])).status == 405

    run(main())


def test_without_the_slice_it_is_not_found() -> None:
    class Bare:
        async def status(self) -> dict[str, Any]:
            return {"workers": [{"worker": 0, "batching": None}]}

    async def main() -> None:
        with pytest.raises(CallerError) as caught:
            await BatchingRoutes(Bare()).batching(None)  # type: ignore[arg-type]
        assert caught.value.status == 404

    run(main())

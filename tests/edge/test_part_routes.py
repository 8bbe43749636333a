import json
from typing import Any

import pytest

from penstock.core.errors import CallerError
from penstock.edge.part_routes import PARTS, PartRoutes
from penstock.process.loop import run
from tests.support.gateway import ECHO, ask, running_gateway


def test_each_worker_tells_of_its_memory() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            answer = await ask(gateway.port, "GET", "/admin/v1/memory", [gateway.bearer])
            assert answer.status == 200
            (row,) = json.loads(answer.body)["workers"]
            assert row["worker"] == 0
            assert row["level"] == 0
            assert row["rss"] > 0
            assert row["limit"] > row["base"] > 0
            assert row["beside"]["store"] >= 0
            assert row["accounts"]["connections"][0] > 0

    run(main())


def test_who_shows_no_key_is_told_nothing() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            for name in PARTS:
                assert (await ask(gateway.port, "GET", f"/admin/v1/{name}")).status == 401

    run(main())


def test_a_part_that_is_not_installed_is_not_found() -> None:
    class Bare:
        async def status(self) -> dict[str, Any]:
            return {"workers": [{"worker": 0, "batching": None}]}

    async def main() -> None:
        route = PartRoutes(Bare()).routes()["/admin/v1/batching"]  # type: ignore[arg-type]
        with pytest.raises(CallerError, match="not installed") as caught:
            await route.serve(None)  # type: ignore[arg-type]
        assert caught.value.status == 404

    run(main())

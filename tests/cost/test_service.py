import asyncio
import contextlib

import pytest

from penstock.cost import service
from penstock.cost.service import Keeper


def test_it_stores_often_and_folds_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    did: list[str] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) > 2 * 3600.0:
            raise asyncio.CancelledError

    async def fold() -> int:
        did.append("fold")
        return 0

    monkeypatch.setattr(service.asyncio, "sleep", sleep)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(Keeper(lambda: did.append("write"), lambda: did.append("end"), fold).run())
    assert did.count("fold") == 2
    assert did[-1] == "end"
    assert did.count("end") == 1
    assert did.count("write") == len(slept) - 1 == 3600
    assert did.index("fold") == 60 / service.EVERY_SECONDS

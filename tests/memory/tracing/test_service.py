import asyncio
import time
import tracemalloc

import pytest

from penstock.core.errors import GatewayError
from penstock.memory.tracing import service
from penstock.memory.tracing.service import Tracing


def test_the_line_that_keeps_is_named_and_nothing_goes_on_afterwards() -> None:
    async def main() -> None:
        kept: list[bytes] = []
        done = asyncio.Event()

        async def leak() -> None:
            while not done.is_set():
                kept.append(b"\1" * 50_000)
                await asyncio.sleep(0.001)

        leaking = asyncio.ensure_future(leak())
        found = await Tracing(time.monotonic).trace(0.6, 5)
        done.set()
        await leaking
        assert not tracemalloc.is_tracing()
        assert "tracing/test_service.py" in found["sites"][0]["lines"][0]
        assert found["sites"][0]["bytes"] > 100_000
        assert not found["cut_short"]

    asyncio.run(main())


def test_one_at_a_time() -> None:
    async def main() -> None:
        tracing = Tracing(time.monotonic)
        first = asyncio.ensure_future(tracing.trace(0.3, 5))
        await asyncio.sleep(0)
        with pytest.raises(GatewayError):
            await tracing.trace(0.3, 5)
        await first
        await tracing.trace(0.2, 5)  # then it may be asked again

    asyncio.run(main())


def test_it_ends_early_where_notes_take_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_TRACE_BYTES", 0)

    async def main() -> None:
        found = await Tracing(time.monotonic).trace(60.0, 5)
        assert found["cut_short"]
        assert found["seconds"] < 30

    asyncio.run(main())


def test_a_cancelled_trace_stops() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(Tracing(time.monotonic).trace(60.0, 5))
        await asyncio.sleep(0.05)
        assert tracemalloc.is_tracing()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not tracemalloc.is_tracing()

    asyncio.run(main())

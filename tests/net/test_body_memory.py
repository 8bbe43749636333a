"""A body is counted by its bytes: it must not take many times as much because it came in tiny pieces."""

import asyncio
import tracemalloc

import pytest

from penstock.net.request_body import Body


class NoConnection:
    def hold_reading(self) -> None:
        pass

    def want_body(self) -> None:
        pass


@pytest.mark.parametrize("size", [2, 300])
def test_tiny_chunks_take_little_more_than_their_bytes(size: int) -> None:
    total = 600_000

    async def main() -> None:
        body = Body(NoConnection(), None)
        reading = asyncio.ensure_future(body.read(1 << 20, lambda _: True))
        await asyncio.sleep(0)
        tracemalloc.start()
        for number in range(total // size):
            body.feed(b"%04d" % (number % 10_000) * (size // 4) if size > 4 else b"%02d" % (number % 100))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        body.finish()
        whole = await reading
        assert len(whole) == total
        assert whole.startswith(b"000102" if size == 2 else b"0000" * 75 + b"0001")
        assert held < 1.5 * total

    asyncio.run(main())

import asyncio
from pathlib import Path

import pytest

from penstock.core.errors import Fail
from penstock.core.reply import collect
from penstock.jobs.sending import store
from penstock.jobs.sending.store import DiskSource


class Sink:
    """Pauses its source after each piece, as long as ``slow``."""

    def __init__(self, source: DiskSource) -> None:
        self.source = source
        self.got = b""
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        self.got += frame
        self.source.pause()
        asyncio.get_running_loop().call_soon(self.source.resume)

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


@pytest.mark.parametrize("size", [0, 1, 1000, 1024])
def test_a_file_flows_between_its_head_and_its_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(store, "PIECE_BYTES", 64)
    path = tmp_path / "f"
    path.write_bytes(b"x" * size)

    async def main() -> None:
        source = DiskSource(str(path), b"head", b"tail")
        assert source.length == size + 8
        assert await collect(source, 10_000) == b"head" + b"x" * size + b"tail"
        source = DiskSource(str(path), b"head", b"tail")
        sink = Sink(source)
        source.start(sink)
        async with asyncio.timeout(20):
            while not sink.ends:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
        assert (sink.got, sink.ends) == (b"head" + b"x" * size + b"tail", [None])

    asyncio.run(main())


def test_cancelled_it_says_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 100)

    async def main() -> None:
        source = DiskSource(str(path))
        sink = Sink(source)
        source.start(sink)
        source.cancel("gone")
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        await asyncio.sleep(0.02)
        assert (sink.got, sink.ends, source._file) == (b"", [], -1)

    asyncio.run(main())

import asyncio
import gc
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.net.loop.pairs import Noting, connected, on_loops_of_python, read_all, reports, reset
from tests.support.loops import Run
from tests.support.loops import run as on_ours

pytestmark = on_loops_of_python


def test_a_reset_is_told_as_the_reason_and_not_reported(run: Run) -> None:
    async def main() -> None:
        with reports() as told:
            noting = Noting()
            _, peer = await connected(noting)
            reset(peer)
            assert isinstance(await noting.lost, ConnectionResetError)
        assert told == []
        assert noting.told == ["made", "lost"]

    run(main())


@pytest.mark.parametrize("name", ["data_received", "eof_received"])
def test_what_a_protocol_raises_is_reported_and_closes(run: Run, name: str) -> None:
    async def main() -> None:
        noting, error = Noting(), KeyError("x")

        def fail(*_: Any) -> None:
            raise error

        setattr(noting, name, fail)
        with reports() as told:
            _, peer = await connected(noting)
            with peer:
                peer.sendall(b"x")
                peer.shutdown(socket.SHUT_WR)
                assert await noting.lost is error
                assert await read_all(peer) == b"" if name == "eof_received" else True
        (report,) = told
        assert report["exception"] is error
        assert report["protocol"] is noting

    run(main())


@pytest.mark.parametrize("name", ["connection_made", "connection_lost"])
def test_what_is_raised_at_the_beginning_or_end_is_reported(run: Run, name: str) -> None:
    async def main() -> None:
        noting, error = Noting(), KeyError("x")

        def fail(*_: Any) -> None:
            raise error

        setattr(noting, name, fail)
        with reports() as told:
            transport, peer = await connected(noting)
            with peer:
                transport.close()
                assert await read_all(peer) == b""
            await asyncio.sleep(0)
        assert [report["exception"] for report in told] == [error]

    run(main())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_wants_out_comes_out(run: Run, error: type[BaseException]) -> None:
    async def main() -> None:
        def leave(_: bytes) -> None:
            raise error

        _, peer = await connected(Noting(acts=leave))
        with peer:
            peer.sendall(b"x")
            await asyncio.sleep(5)

    with pytest.raises(error):
        run(main())
    gc.collect()


def test_what_waits_is_sent_before_it_closes(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting, 8192)
        with peer:
            transport.write(b"x" * 1_000_000)
            transport.close()
            assert transport.is_closing()
            assert transport.get_write_buffer_size() > 0
            assert len(await read_all(peer)) == 1_000_000
        assert await noting.lost is None
        assert noting.told[-1] == "lost"

    run(main())


def test_an_abort_forgets_what_waits(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting, 8192)
        with peer:
            transport.write(b"x" * 1_000_000)
            transport.abort()
            assert transport.get_write_buffer_size() == 0
            assert await noting.lost is None
            assert len(await read_all(peer)) < 1_000_000

    run(main())


def test_it_may_be_dropped_before_anything_comes(run: Run) -> None:
    async def main() -> None:
        for name in ("close", "abort"):
            noting = Noting()

            def drop(transport: Any, name: str = name) -> None:
                getattr(transport, name)()

            noting.connection_made = drop  # type: ignore[method-assign]
            transport, peer = await connected(noting)
            with peer:
                peer.sendall(b"x")
                assert await noting.lost is None
            assert noting.got == b""
            assert transport.is_closing()

    run(main())


def test_what_the_kernel_does_not_watch_is_closed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        noting = Noting()
        made = noting.connection_made

        def exchange(transport: Any) -> None:
            made(transport)
            with (tmp_path / "file").open("w") as file:  # epoll refuses files
                os.dup2(file.fileno(), transport.get_extra_info("socket").fileno())

        noting.connection_made = exchange  # type: ignore[method-assign]
        _, peer = await connected(noting)
        peer.close()
        assert isinstance(await noting.lost, PermissionError)

    if run is on_ours:  # asyncio reports it, and keeps the connection
        run(main())

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.net.loop.pairs import Noting, connected, on_loops_of_python, read_all, reports, reset, until
from tests.support.loops import Run
from tests.support.loops import run as on_ours

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 60_000)),
        st.tuples(st.just("lines"), st.lists(st.integers(0, 20_000), max_size=6)),
        st.tuples(st.just("read"), st.integers(1, 100_000)),
        st.tuples(st.just("limits"), st.integers(0, 100_000)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=25,
)


@given(steps=STEPS, ends=st.booleans())
@settings(max_examples=40, deadline=None)
def test_all_arrives_in_order_however_it_is_written_and_read(steps: list[tuple[str, Any]], ends: bool) -> None:
    async def main() -> None:
        noting = Noting(keep=True)
        transport, peer = await connected(noting, 4096)
        sent, got = bytearray(), bytearray()

        def piece(size: int) -> bytes:
            data = bytes((len(sent) + n) % 251 for n in range(size))
            sent.extend(data)
            return data

        with peer:
            for what, much in steps:
                if what == "write":
                    transport.write(piece(much))
                elif what == "lines":
                    transport.writelines([piece(size) for size in much])
                elif what == "limits":
                    transport.set_write_buffer_limits(much)
                elif what == "read":
                    try:
                        got += peer.recv(much)
                    except BlockingIOError:
                        await asyncio.sleep(0)
                else:
                    await asyncio.sleep(0)
                _, high = transport.get_write_buffer_limits()
                flow = [word for word in noting.told if word in ("pause", "resume")]
                assert flow == ["pause", "resume"] * (len(flow) // 2) + ["pause"] * (len(flow) % 2)
                if transport.get_write_buffer_size() > high:
                    assert flow[-1] == "pause"
                if transport.get_write_buffer_size() == 0:
                    assert flow[-1:] != ["pause"]
            if ends:
                transport.write_eof()
            else:
                transport.close()
            got += await read_all(peer)
            assert got == sent
            transport.close()
            assert await noting.lost is None

    on_ours(main())


@on_loops_of_python
def test_who_writes_too_much_is_told_to_pause_and_to_go_on(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting, 4096)
        assert transport.get_write_buffer_limits() == (16_384, 65_536)
        with peer:
            while transport.get_write_buffer_size() <= 65_536:
                assert "pause" not in noting.told
                transport.write(b"x" * 30_000)
            transport.write(b"x")
            assert noting.told == ["made", "pause"]
            left = transport.get_write_buffer_size()
            while left > 16_384:
                assert "resume" not in noting.told
                await asyncio.get_running_loop().sock_recv(peer, 4096)
                await asyncio.sleep(0)
                left = transport.get_write_buffer_size()
            await until(lambda: noting.told == ["made", "pause", "resume"])
            transport.abort()
            await noting.lost

    run(main())


@on_loops_of_python
def test_the_marks(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting, 4096)
        with peer:
            transport.set_write_buffer_limits(100)
            assert transport.get_write_buffer_limits() == (25, 100)
            transport.set_write_buffer_limits(low=100)
            assert transport.get_write_buffer_limits() == (100, 400)
            for high, low in ((10, 20), (10, -1)):
                with pytest.raises(ValueError):
                    transport.set_write_buffer_limits(high, low)
            transport.set_write_buffer_limits()
            assert transport.get_write_buffer_limits() == (16_384, 65_536)
            transport.write(b"x" * 30_000)
            assert "pause" not in noting.told
            transport.set_write_buffer_limits(0)
            assert noting.told == ["made", "pause"]
            await asyncio.get_running_loop().sock_recv(peer, 4096)
            while transport.get_write_buffer_size():
                assert "resume" not in noting.told
                await asyncio.get_running_loop().sock_recv(peer, 4096)
            await until(lambda: "resume" in noting.told)
            transport.abort()
            await noting.lost

    run(main())


@on_loops_of_python
def test_a_protocol_that_fails_to_pause_is_reported_and_keeps_its_connection(run: Run) -> None:
    async def main() -> None:
        noting = Noting()

        def fail() -> None:
            raise KeyError("x")

        noting.pause_writing = noting.resume_writing = fail  # type: ignore[method-assign]
        with reports() as told:
            transport, peer = await connected(noting, 4096)
            transport.write(b"x" * 200_000)
            transport.close()
            with peer:
                assert len(await read_all(peer)) == 200_000
            assert await noting.lost is None
        assert [report["message"] for report in told] == [
            "protocol.pause_writing() failed",
            "protocol.resume_writing() failed",
        ]

    run(main())


@on_loops_of_python
def test_our_end_comes_behind_what_waits(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting, 4096)
        assert transport.can_write_eof()
        with peer:
            transport.write(b"x" * 100_000)
            for _ in range(2):
                transport.write_eof()
            with pytest.raises(RuntimeError):
                transport.write(b"more")
            assert len(await read_all(peer)) == 100_000
            peer.sendall(b"answer")
            await until(lambda: noting.got == b"answer")
            transport.close()
            transport.write_eof()
            assert await noting.lost is None

    run(main())


def test_our_end_may_meet_nobody() -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting)
        transport.pause_reading()
        reset(peer)
        transport.write_eof()
        assert isinstance(await noting.lost, OSError)

    on_ours(main())


@on_loops_of_python
def test_what_may_be_written(run: Run) -> None:
    async def main() -> None:
        transport, peer = await connected(Noting(), 4096)
        with peer:
            changing = bytearray(b"a" * 100_000)
            transport.write(changing)
            changing[:] = b"b" * 100_000
            for nothing in (b"", bytearray(), memoryview(b"")):
                transport.write(nothing)
            for wrong in ("text", 5, None):
                with pytest.raises(TypeError):
                    transport.write(wrong)
            transport.close()
            assert (await read_all(peer)).count(b"a") == 100_000

    if run is on_ours:  # asyncio of 3.12 and later sends what is there when its turn comes
        run(main())


@pytest.mark.parametrize("sizes", [[1] * 3000, [100] * 3000, [0, 50_000, 0, 60_000], []])
@pytest.mark.parametrize("waiting", [False, True])
def test_many_pieces_in_one_go(sizes: list[int], waiting: bool) -> None:
    async def main() -> None:
        transport, peer = await connected(Noting(), 4096)
        with peer:
            if waiting:
                transport.write(b"x" * 100_000)
            transport.writelines([b"y" * size for size in sizes])
            transport.close()
            assert await read_all(peer) == b"x" * (100_000 if waiting else 0) + b"y" * sum(sizes)

    on_ours(main())


@on_loops_of_python
@pytest.mark.parametrize("pieces", [1, 40])
def test_a_write_to_a_peer_that_has_gone_is_told_once_and_not_reported(run: Run, pieces: int, caplog: Any) -> None:
    async def main() -> None:
        with reports() as told:
            noting = Noting()
            transport, peer = await connected(noting)
            transport.pause_reading()  # a read does not meet it first
            reset(peer)
            transport.writelines([b"x" * 1000] * pieces)
            transport.write(b"x")
            assert isinstance(await noting.lost, OSError)
        assert told == []
        assert noting.told == ["made", "lost"]

    run(main())
    assert caplog.records == []


@on_loops_of_python
def test_a_peer_that_goes_while_much_waits(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting, 4096)
        transport.pause_reading()
        transport.write(b"x" * 300_000)
        assert transport.get_extra_info("socket").type == socket.SOCK_STREAM
        reset(peer)
        assert isinstance(await noting.lost, OSError)
        assert transport.get_write_buffer_size() == 0

    run(main())

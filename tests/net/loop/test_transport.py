import asyncio
import os
import socket
from typing import Any

from tests.net.loop.pairs import Noting, connected, on_loops_of_python, read_all, reports, reset, tcp_pair, until
from tests.support.loops import Run

pytestmark = on_loops_of_python


def test_bytes_then_the_end_then_the_loss_once(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting)
        peer.sendall(b"one")
        await until(lambda: noting.got == b"one")
        peer.sendall(b"two")
        peer.close()
        assert await noting.lost is None
        await asyncio.sleep(0)
        assert (noting.got, noting.told) == (b"onetwo", ["made", "eof", "lost"])
        assert transport.is_closing()
        transport.close()
        transport.abort()
        transport.write(b"into nothing")
        transport.pause_reading()
        transport.resume_reading()
        await asyncio.sleep(0)
        assert noting.told == ["made", "eof", "lost"]

    run(main())


def test_who_keeps_its_side_open_may_answer_behind_the_peers_end(run: Run) -> None:
    async def main() -> None:
        noting = Noting(keep=True)
        transport, peer = await connected(noting)
        with peer:
            peer.shutdown(socket.SHUT_WR)
            await until(lambda: "eof" in noting.told)
            transport.pause_reading()
            transport.write(b"answer")
            transport.close()
            assert await read_all(peer) == b"answer"
        assert await noting.lost is None
        assert noting.told == ["made", "eof", "lost"]

    run(main())


def test_a_paused_one_reads_nothing_until_it_goes_on(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting)
        with peer:
            assert transport.is_reading()
            for _ in range(2):
                transport.pause_reading()
            assert not transport.is_reading()
            peer.sendall(b"x" * 1000)
            other = Noting()
            _, far = await connected(other)  # a round of another connection: the bytes were there before it
            far.close()
            await other.lost
            assert noting.got == b""
            transport.resume_reading()
            transport.pause_reading()
            transport.resume_reading()
            await until(lambda: len(noting.got) == 1000)
            transport.abort()
            await noting.lost

    run(main())


def test_a_paused_one_whose_peer_is_gone_does_not_keep_the_loop_busy(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting)
        transport.pause_reading()
        reset(peer)
        loop: Any = asyncio.get_running_loop()
        turns, run_once = 0, loop._run_once

        def counted() -> None:
            nonlocal turns
            turns += 1
            run_once()

        loop._run_once = counted
        await asyncio.sleep(0.05)
        del loop._run_once
        if hasattr(loop, "_replace"):
            loop._replace()
        assert turns < 10
        assert noting.told == ["made"]
        transport.resume_reading()
        assert isinstance(await noting.lost, ConnectionResetError)

    run(main())


def test_another_protocol_takes_over(run: Run) -> None:
    async def main() -> None:
        first, second = Noting(), Noting()
        transport, peer = await connected(first)
        peer.sendall(b"1")
        await until(lambda: first.got == b"1")
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        peer.sendall(b"2")
        peer.close()
        assert await second.lost is None
        assert (first.got, second.got, first.told) == (b"1", b"2", ["made"])

    run(main())


class Buffered(asyncio.BufferedProtocol):
    """Takes ``size`` bytes at once."""

    def __init__(self, size: int) -> None:
        self.room, self.got = bytearray(size), bytearray()
        self.lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        self.got += self.room[:nbytes]

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set_result(exc)


def test_a_protocol_may_bring_its_buffer(run: Run) -> None:
    async def main() -> None:
        protocol = Buffered(7)
        _, peer = await connected(protocol)
        peer.sendall(b"a few words more than seven")
        peer.close()
        assert await protocol.lost is None
        assert protocol.got == b"a few words more than seven"

    run(main())


def test_a_buffer_without_room_is_an_error(run: Run) -> None:
    async def main() -> None:
        protocol = Buffered(0)
        with reports() as told:
            _, peer = await connected(protocol)
            with peer:
                peer.sendall(b"x")
                assert isinstance(await protocol.lost, RuntimeError)
        assert len(told) == 1

    run(main())


def test_who_is_connected(run: Run) -> None:
    async def main() -> None:
        noting = Noting()
        transport, peer = await connected(noting)
        with peer:
            assert transport.get_extra_info("peername") == peer.getsockname()
            assert transport.get_extra_info("sockname") == peer.getpeername()
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert transport.get_extra_info("sslcontext", "none") == "none"
            transport.close()
            await noting.lost

    run(main())


def test_no_event_reaches_who_got_the_number_of_a_closed_descriptor(run: Run) -> None:
    """Two connections have something in one turn of the loop. The first closes the second and opens a third."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        made: list[Any] = []
        new = Noting()

        def renew(_: bytes) -> None:
            victim_protocol.transport.abort()
            foreign_fd = foreign.fileno()
            loop.remove_reader(foreign)
            foreign.close()
            here, there = tcp_pair()
            mine = socket.socket(fileno=os.dup2(there.fileno(), foreign_fd))  # of the same number
            there.close()
            made.extend([here, loop.create_task(loop.connect_accepted_socket(lambda: new, mine))])

        victim_protocol = Noting()
        first, first_peer = await connected(Noting(acts=renew))
        _, victim_peer = await connected(victim_protocol)
        foreign, foreign_peer = socket.socketpair()
        told: list[str] = []
        loop.add_reader(foreign, told.append, "foreign")
        with first_peer, victim_peer, foreign_peer:
            first_peer.sendall(b"x")  # all are ready before the loop looks
            victim_peer.sendall(b"x")
            foreign_peer.sendall(b"x")
            await victim_protocol.lost
            await made[1]
            made[0].sendall(b"for the new one")
            await until(lambda: new.got)
            assert new.got == b"for the new one"
            assert victim_protocol.got in (b"", b"x")  # asyncio may have begun to read it
            assert len(told) <= 1
            made[0].close()
            await new.lost
            first.abort()
            await asyncio.sleep(0)

    run(main())

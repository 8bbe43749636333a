import asyncio
import errno
import resource
import socket

import pytest

from penstock.net.loop.event_loop import MOST_ACCEPTED
from tests.net.loop.pairs import Noting, Notings, on_loops_of_python, read_all, reports, until
from tests.support.loops import Run, run


@on_loops_of_python
def test_a_server_counts_its_connections(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        notings = Notings()
        server = await loop.create_server(notings, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        clients = [socket.create_connection(address) for _ in range(5)]
        await until(lambda: len(notings) == 5 and all(noting.told for noting in notings))
        assert {noting.transport.get_extra_info("peername") for noting in notings} == {
            client.getsockname() for client in clients
        }
        server.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        if hasattr(server, "abort_clients"):
            server.abort_clients()
        for noting, client in zip(notings, clients, strict=True):
            client.close()
            await noting.lost
        await asyncio.wait_for(server.wait_closed(), 5)

    run(main())


def test_a_protocol_that_cannot_be_made_is_reported_and_closes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def fail() -> Noting:
            raise KeyError("x")

        with reports() as told:
            server = await loop.create_server(fail, "127.0.0.1", 0)
            peer = socket.create_connection(server.sockets[0].getsockname())
            peer.setblocking(False)
            with peer:
                assert await read_all(peer) == b""
            server.close()
        assert [type(report["exception"]) for report in told] == [KeyError]

    run(main())


def test_more_come_than_are_taken_in_a_turn() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        notings = Notings()
        server = await loop.create_server(notings, "127.0.0.1", 0, backlog=4096)
        address = server.sockets[0].getsockname()
        clients = [socket.create_connection(address) for _ in range(2 * MOST_ACCEPTED + 3)]
        while not notings:  # noqa: ASYNC110 - a turn at a time
            await asyncio.sleep(0)
        assert len(notings) == MOST_ACCEPTED
        await until(lambda: len(notings) == len(clients))
        for client in clients:
            client.close()
        for noting in notings:
            await noting.lost
        server.close()

    run(main())


def test_a_server_without_descriptors_tries_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.constants, "ACCEPT_RETRY_DELAY", 0.01)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        noting = Noting()
        server = await loop.create_server(lambda: noting, "127.0.0.1", 0)
        with reports() as told, socket.socket() as peer:
            peer.setblocking(False)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (peer.fileno() + 1, hard[1]))
            try:
                await loop.sock_connect(peer, server.sockets[0].getsockname())
                await until(lambda: told)
                assert noting.told == []
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, hard)
            await until(lambda: noting.told == ["made"])
            assert {report["exception"].errno for report in told} == {errno.EMFILE}
        await noting.lost
        server.close()

    run(main())

import asyncio
import ssl
from typing import Any

import pytest

from tests.net.loop.pairs import Noting, reports, tcp_pair, until
from tests.net.loop.secured import Contexts, both, by_thread
from tests.support.loops import run

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@VERSIONS
def test_both_sides_talk_and_end(contexts: Contexts, version: ssl.TLSVersion) -> None:
    client_context = contexts[1]
    client_context.minimum_version = client_context.maximum_version = version

    async def main() -> None:
        server, client = Noting(), Noting()
        accepted, made = await both(contexts, server, client)
        assert (server.told, client.told) == (["made"], ["made"])
        made.write(b"a" * 300_000)
        accepted.writelines([b"b" * 100, b"c" * 200_000])
        await until(lambda: len(server.got) == 300_000 and len(client.got) == 200_100)
        assert client.got == b"b" * 100 + b"c" * 200_000
        made.write(b"last words")
        made.close()
        made.write(b"too late")
        assert await server.lost is None
        assert await client.lost is None
        assert server.got.endswith(b"alast words")
        assert server.told == ["made", "eof", "lost"]
        assert client.told == ["made", "lost"]
        assert made.is_closing()
        assert accepted.is_closing()

    run(main())
    client_context.minimum_version, client_context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def test_with_a_peer_of_python_s_own(contexts: Contexts) -> None:
    async def main() -> None:
        server = Noting(acts=lambda data: server.transport.write(data.upper()))
        here, there = tcp_pair()
        loop = asyncio.get_running_loop()
        accepted = loop.create_task(loop.connect_accepted_socket(lambda: server, there, ssl=contexts[0]))

        def talk(secured: ssl.SSLSocket) -> bytes:
            secured.sendall(b"hello")
            answer = secured.recv(100)
            secured.sendall(b"x" * 100_000)
            size = 0
            while size < 100_000:
                size += len(secured.recv(65536))
            secured.unwrap().close()  # both close_notifies
            return answer

        assert await by_thread(here, contexts[1], talk) == b"HELLO"
        await accepted
        assert await server.lost is None
        assert server.told == ["made", "eof", "lost"]

    run(main())


def test_a_peer_that_ends_without_a_close_notify_has_ended(contexts: Contexts) -> None:
    async def main() -> None:
        server = Noting()
        here, there = tcp_pair()
        loop = asyncio.get_running_loop()
        accepted = loop.create_task(loop.connect_accepted_socket(lambda: server, there, ssl=contexts[0]))

        def talk(secured: ssl.SSLSocket) -> None:
            secured.sendall(b"bye")
            assert secured.recv(2) == b"hi"  # with the session's tickets: unread they would make a reset of its end

        talking = loop.create_task(by_thread(here, contexts[1], talk))
        transport, _ = await accepted
        transport.write(b"hi")
        await talking
        assert await server.lost is None
        assert (server.got, server.told) == (b"bye", ["made", "eof", "lost"])

    run(main())


def test_who_does_not_answer_a_close_notify_is_left_in_time(contexts: Contexts) -> None:
    async def main() -> None:
        server = Noting()
        here, there = tcp_pair()
        loop = asyncio.get_running_loop()
        limits = {"ssl_shutdown_timeout": 0.05}
        accepted = loop.create_task(loop.connect_accepted_socket(lambda: server, there, ssl=contexts[0], **limits))
        done = asyncio.Event()

        def talk(secured: ssl.SSLSocket) -> None:
            secured.sendall(b"x" * 10)
            asyncio.run_coroutine_threadsafe(done.wait(), loop).result(5)

        talking = loop.create_task(by_thread(here, contexts[1], talk))
        transport, _ = await accepted
        await until(lambda: server.got)
        transport.close()
        assert isinstance(await server.lost, ConnectionAbortedError)
        done.set()
        await talking

    run(main())


def test_who_closes_drops_what_still_comes(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        accepted, made = await both(contexts, server, client)
        accepted.close()
        made.write(b"crossing")
        assert await server.lost is None
        assert await client.lost is None
        assert server.got == b""

    run(main())


def test_a_paused_one_reads_nothing_until_it_goes_on(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        accepted, made = await both(contexts, server, client, 4096)
        accepted.pause_reading()
        assert not accepted.is_reading()
        made.write(b"x" * 500_000)
        await until(lambda: "pause" in client.told)
        assert server.got == b""
        accepted.resume_reading()
        assert accepted.is_reading()
        await until(lambda: len(server.got) == 500_000)
        assert "resume" in client.told
        made.abort()
        await client.lost
        await server.lost

    run(main())


@pytest.mark.parametrize("name", ["data_received", "eof_received", "connection_made"])
def test_what_a_protocol_raises_is_reported_and_closes(contexts: Contexts, name: str) -> None:
    async def main() -> None:
        server, client, error = Noting(), Noting(), KeyError("x")

        def fail(*_: Any) -> None:
            raise error

        setattr(server, name, fail)
        with reports() as told:
            try:
                _, made = await both(contexts, server, client)
                made.write(b"x")
                made.close()
            except KeyError:  # whoever waits for the connection hears of it
                assert name == "connection_made"
            assert await server.lost is error
            await client.lost
        assert error in [report["exception"] for report in told]

    run(main())


class Buffered(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.room, self.got = bytearray(5), bytearray()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        self.got += self.room[:nbytes]


def test_a_protocol_may_bring_its_buffer(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Buffered(), Noting()
        _, made = await both(contexts, server, client)  # type: ignore[arg-type]
        made.write(b"more than five bytes")
        await until(lambda: server.got == b"more than five bytes")
        made.close()
        await client.lost

    run(main())


def test_streams(contexts: Contexts) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=contexts[0])
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=contexts[1], server_hostname="localhost")
        writer.write(b"line\n")
        assert await reader.read() == b"line\n"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())

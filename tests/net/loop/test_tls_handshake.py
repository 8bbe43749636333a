import asyncio
import ssl
from typing import Any

import pytest

from tests.net.loop.pairs import Noting, connected, reports, reset, tcp_pair, until
from tests.net.loop.secured import Contexts
from tests.support.loops import run


def test_a_handshake_that_does_not_come_fails_in_time(contexts: Contexts) -> None:
    async def main() -> None:
        here, there = tcp_pair()
        loop = asyncio.get_running_loop()
        with here:
            noting = Noting()
            limits = {"ssl_handshake_timeout": 0.02}
            with pytest.raises(ConnectionAbortedError, match="handshake"):
                await loop.connect_accepted_socket(lambda: noting, there, ssl=contexts[0], **limits)
            assert noting.told == []
        for name in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            here, there = tcp_pair()
            with here, there, pytest.raises(ValueError):
                await loop.connect_accepted_socket(Noting, there, ssl=contexts[0], **{name: -1})

    run(main())


@pytest.mark.parametrize("how", ["closed", "reset", "nonsense"])
def test_a_peer_that_goes_in_the_handshake(contexts: Contexts, how: str) -> None:
    async def main() -> None:
        here, there = tcp_pair()
        loop = asyncio.get_running_loop()
        noting = Noting()
        with reports() as told:
            waiting = loop.create_task(loop.connect_accepted_socket(lambda: noting, there, ssl=contexts[0]))
            await asyncio.sleep(0)
            if how == "reset":
                reset(here)
            else:
                here.sendall(b"GET / HTTP/1.1\r\n\r\n" if how == "nonsense" else b"\x16")
            if how == "closed":
                here.close()
            with pytest.raises(ssl.SSLError if how == "nonsense" else ConnectionResetError):
                await waiting
            here.close()
        assert told == []
        assert noting.told == []

    run(main())


def test_a_server_that_is_not_trusted(contexts: Contexts) -> None:
    async def main() -> None:
        server, client = Noting(), Noting()
        stranger = ssl.create_default_context()
        loop = asyncio.get_running_loop()
        here, there = tcp_pair()
        accepted = loop.create_task(loop.connect_accepted_socket(lambda: server, there, ssl=contexts[0]))
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(lambda: client, sock=here, ssl=stranger, server_hostname="localhost")
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown ca"):  # it was told why
            await accepted
        assert (server.told, client.told) == ([], [])

    run(main())


def test_what_comes_with_the_handshake_waits_for_a_paused_one(contexts: Contexts) -> None:
    async def main() -> None:
        server = Noting()
        loop = asyncio.get_running_loop()
        here, there = tcp_pair()
        made = server.connection_made

        def pause_first(transport: Any) -> None:
            transport.pause_reading()
            made(transport)

        server.connection_made = pause_first  # type: ignore[method-assign]
        accepted = loop.create_task(loop.connect_accepted_socket(lambda: server, there, ssl=contexts[0]))
        client = Noting()
        client_made = client.connection_made

        def speak_first(transport: Any) -> None:
            client_made(transport)
            transport.write(b"first words")

        client.connection_made = speak_first  # type: ignore[method-assign]
        transport, _ = await loop.create_connection(
            lambda: client, sock=here, ssl=contexts[1], server_hostname="localhost"
        )
        await accepted
        assert server.got == b""
        server.transport.resume_reading()
        await until(lambda: server.got == b"first words")
        transport.close()
        await server.lost
        await client.lost

    run(main())


def test_a_connection_that_is_there_goes_on_in_tls_and_again_in_tls(contexts: Contexts) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        first, second = Noting(), Noting()
        here, there = tcp_pair()
        left, _ = await loop.create_connection(lambda: first, sock=here)
        right, _ = await loop.connect_accepted_socket(lambda: second, there)
        for _ in range(2):
            upgrade = loop.create_task(loop.start_tls(left, first, contexts[1], server_hostname="localhost"))
            right = await loop.start_tls(right, second, contexts[0], server_side=True)
            left = await upgrade
        assert (first.told, second.told) == (["made"], ["made"])
        left.write(b"a" * 100_000)
        right.write(b"b" * 100_000)
        await until(lambda: (len(first.got), len(second.got)) == (100_000, 100_000))
        left.close()
        assert await first.lost is None
        assert await second.lost is None

    run(main())


def test_start_tls_takes_only_what_it_can(contexts: Contexts) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        noting = Noting()
        transport, peer = await connected(noting)
        with peer:
            with pytest.raises(TypeError):
                await loop.start_tls(transport, noting, None)  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                await loop.start_tls(object(), noting, contexts[0])  # type: ignore[arg-type]
            waiting = loop.create_task(loop.start_tls(transport, noting, contexts[0], server_side=True))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert transport.is_closing()

    run(main())

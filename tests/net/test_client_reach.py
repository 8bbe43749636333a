"""Ways to an upstream that fail, or are not the plain one: each failure names the upstream and its phase."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from penstock.core.errors import UpstreamError
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Patience, Reach
from penstock.net.tls import client_context
from tests.net.asking import PATIENCE, Scene, Two, ask, fails, play
from tests.net.upstream import Line, Upstream, echo_ok, origin_of, scripted
from tests.support.loops import run


def test_refused() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        async with origin_of(Reach("127.0.0.1", port)) as origin:
            error = await fails(ask(origin), "connect")
            assert f"127.0.0.1:{port}" in error.message
            assert error.retryable

    run(main())


def test_names_that_do_not_resolve() -> None:
    class Unknown(Names):
        async def resolve(self, host: str) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    class Slow(Names):
        async def resolve(self, host: str) -> list[str]:
            await asyncio.sleep(5)
            return []

    async def main() -> None:
        now = asyncio.get_running_loop().time
        async with origin_of(Reach("nowhere", 1), Unknown(now)) as origin:
            await fails(ask(origin), "dns")
        async with origin_of(Reach("nowhere", 1), Slow(now)) as origin:
            await fails(ask(origin, Patience(connect=0.05)), "dns", 504)
        async with origin_of(Reach("a" * 70 + ".example", 1)) as origin:
            await fails(ask(origin), "dns")

    run(main())


def full_listener(port: int) -> tuple[socket.socket, list[socket.socket]]:
    """A port whose queue is full: connecting to it hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.2", port))
    listener.listen(0)
    stuffing = []
    for _ in range(3):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        stuffing.append(sock)
    return listener, stuffing


def test_an_address_that_hangs() -> None:
    async def main() -> None:
        held = socket.socket()  # first: where all others are, a port is soon somebody else's
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        listener, stuffing = full_listener(port)
        with listener, contextlib.ExitStack() as stack:
            for sock in stuffing:
                stack.enter_context(sock)
            async with origin_of(Reach("127.0.0.2", port)) as origin:
                await fails(ask(origin, Patience(connect=0.1)), "connect", 504)
            server = await asyncio.start_server(Upstream(echo_ok).serve, sock=held)
            async with server, origin_of(Reach("two", port), Two("127.0.0.2", "127.0.0.1")) as origin:
                assert await ask(origin, Patience(connect=0.4)) == (200, b"ok")

    run(main())


def test_the_second_address_serves_when_the_first_refuses() -> None:
    async def main() -> None:
        async with scripted(echo_ok) as upstream:
            async with origin_of(Reach("two", upstream.port), Two("127.0.0.3", "127.0.0.1")) as origin:
                assert await ask(origin) == (200, b"ok")

    run(main())


def test_ipv6() -> None:
    async def main() -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
        async with scripted(echo_ok, host="::1") as upstream:
            async with origin_of(Reach("::1", upstream.port)) as origin:
                assert await ask(origin) == (200, b"ok")

    run(main())


# ---- TLS


AUTHORITY = trustme.CA()


def server_side(*names: str, ask_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    if ask_client:
        context.verify_mode = ssl.CERT_REQUIRED
        AUTHORITY.configure_trust(context)
    return context


def play_tls(scene: Scene, server: ssl.SSLContext, client: ssl.SSLContext, host: str = "localhost") -> None:
    async def main() -> None:
        async with asyncio.timeout(10), scripted(echo_ok, tls=server) as upstream:
            reach = Reach(host, upstream.port, tls=client)
            async with origin_of(reach, Two("127.0.0.1")) as origin:
                await scene(origin, upstream)

    run(main())


async def answers(origin: Origin, upstream: Upstream) -> None:
    for _ in range(3):
        assert await ask(origin) == (200, b"ok")
    assert upstream.connections == 1


@pytest.fixture
def trusting(tmp_path: Any) -> Callable[..., ssl.SSLContext]:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    AUTHORITY.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))

    def context(*, shows: bool = False) -> ssl.SSLContext:
        return client_context(str(tmp_path / "ca.pem"), str(tmp_path / "me.pem") if shows else None)

    return context


def test_tls(trusting: Callable[..., ssl.SSLContext]) -> None:
    play_tls(answers, server_side("localhost"), trusting())


def test_tls_names_the_server_it_wants(trusting: Callable[..., ssl.SSLContext]) -> None:
    server = server_side("models.example")
    wanted: list[str] = []
    server.sni_callback = lambda _, name, __: wanted.append(name)
    play_tls(answers, server, trusting(), "models.example")
    assert wanted == ["models.example"]


def test_a_certificate_nobody_vouches_for() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        error = await fails(ask(origin), "tls")
        assert "certificate" in error.message
        assert not upstream.requests

    play_tls(scene, server_side("localhost"), client_context())


def test_a_certificate_for_another_name(trusting: Callable[..., ssl.SSLContext]) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        await fails(ask(origin), "tls")

    play_tls(scene, server_side("other.example"), trusting())


def test_verification_can_be_turned_off() -> None:
    play_tls(answers, server_side("other.example"), client_context(verify=False))


def test_a_client_certificate(trusting: Callable[..., ssl.SSLContext]) -> None:
    play_tls(answers, server_side("localhost", ask_client=True), trusting(shows=True))


def test_a_client_certificate_that_is_missing(trusting: Callable[..., ssl.SSLContext]) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        with pytest.raises(UpstreamError) as raised:
            await ask(origin)
        assert raised.value.status == 502
        assert not upstream.requests

    play_tls(scene, server_side("localhost", ask_client=True), trusting())


def test_a_server_that_speaks_no_tls() -> None:
    async def script(line: Line) -> None:
        await line.reader.read(1)
        line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        await fails(ask(origin), "tls")

    play(scene, script, tls=client_context())


def test_tls_is_spoken_before_there_is_a_call(trusting: Callable[..., ssl.SSLContext]) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        assert await origin.warm(1, PATIENCE) == 1
        assert upstream.requests == []
        await answers(origin, upstream)

    play_tls(scene, server_side("localhost"), trusting())

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import trustme
import uvloop

from penstock.core.errors import Fail, GatewayError, UpstreamError
from penstock.core.fiber import Fiber
from penstock.core.reply import collect
from penstock.net.client import Origin, Patience, Reach
from penstock.net.names import Names
from penstock.net.tls import client_context
from tests.net.caller import settled
from tests.net.upstream import HEAD, OK, Line, Script, Upstream, echo_ok, origin_of, scripted

PATIENCE = Patience(connect=1.0, head=1.0, idle=1.0)
Scene = Callable[[Origin, Upstream], Awaitable[None]]


def play(scene: Scene, script: Script = echo_ok, **reach: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(10), scripted(script) as upstream:
            async with origin_of(Reach("127.0.0.1", upstream.port, **reach)) as origin:
                await scene(origin, upstream)

    uvloop.run(main())


async def ask(origin: Origin, patience: Patience = PATIENCE) -> tuple[int, bytes]:
    response = await origin.request(HEAD, b"{}", patience)
    if response.ended and not response.failed:
        return response.status, response.body
    return response.status, await collect(response, 1 << 20)


async def fails(work: Awaitable[Any], phase: str, status: int = 502) -> Fail:
    with pytest.raises(Fail) as raised:
        await work
    assert (raised.value.phase, raised.value.status) == (phase, status), raised.value
    assert "'up'" in raised.value.message
    assert raised.value.upstream == "up"
    return raised.value


# ---- reuse


def test_a_connection_is_used_again() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        for _ in range(5):
            assert await ask(origin) == (200, b"ok")
        assert upstream.connections == 1
        assert len(upstream.requests) == 5
        assert upstream.requests[0] == HEAD + b"{}"

    play(scene)


def test_a_connection_that_the_upstream_closes_is_not() -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        assert await ask(origin) == (200, b"ok")
        assert await ask(origin) == (200, b"ok")
        assert upstream.connections == 2

    play(scene, script)


def test_an_idle_connection_is_closed_in_time() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        await ask(origin)
        assert origin.open == 1
        await settled(lambda: origin.open == 0)
        await ask(origin)
        assert upstream.connections == 2

    play(scene, max_idle=0.05)


def test_an_old_connection_retires() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        await ask(origin)
        await asyncio.sleep(0.06)
        await ask(origin)
        await settled(lambda: origin.open == 0)
        await ask(origin)
        assert upstream.connections == 2

    play(scene, max_age=0.05)


def test_an_old_connection_retires_even_while_others_wait_for_it() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        answers = await asyncio.gather(*(ask(origin) for _ in range(6)))
        assert answers == [(200, b"ok")] * 6
        assert upstream.connections == 6

    play(scene, max_age=0.0, max_connections=1)


# ---- the cap and the queue


def test_no_more_connections_than_the_cap() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        answers = await asyncio.gather(*(ask(origin) for _ in range(50)))
        assert answers == [(200, b"ok")] * 50
        assert upstream.connections == 3
        assert len(upstream.requests) == 50

    play(scene, max_connections=3)


async def stall(line: Line) -> None:
    await line.request()
    await line.hang_up_seen()


def test_a_full_queue_refuses_at_once() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        waiting = [asyncio.ensure_future(ask(origin)) for _ in range(3)]
        await settled(lambda: len(upstream.requests) == 1)
        error = await fails(ask(origin), "queue", 503)
        assert isinstance(error, GatewayError)
        assert error.retry_after
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    play(scene, stall, max_connections=1, queue=2)


def test_waiting_in_the_queue_has_an_end() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        first = asyncio.ensure_future(ask(origin, Patience(1, 5, 5)))
        await settled(lambda: len(upstream.requests) == 1)
        await fails(ask(origin, Patience(connect=0.05, head=0.05, idle=1)), "queue", 504)
        first.cancel()

    play(scene, stall, max_connections=1)


def test_who_leaves_the_queue_takes_nothing_along() -> None:
    async def script(line: Line) -> None:
        while True:
            await line.request()
            await asyncio.sleep(0.05)
            line.send(OK)

    async def scene(origin: Origin, upstream: Upstream) -> None:
        first, second, third = (asyncio.ensure_future(ask(origin)) for _ in range(3))
        await settled(lambda: len(upstream.requests) == 1)
        second.cancel()
        assert await first == (200, b"ok")
        assert await third == (200, b"ok")
        assert upstream.connections == 1
        assert len(upstream.requests) == 2

    play(scene, script, max_connections=1)


# ---- a connection that died while idle


def closing_once(*, read_first: bool) -> Script:
    """Answers once, then hangs up; with ``read_first`` only when the second request is in."""

    async def script(line: Line) -> None:
        await line.request()
        line.send(OK)
        if line.upstream.connections == 1:
            if read_first:
                await line.request()
            return
        await echo_ok(line)

    return script


def test_a_request_that_never_arrived_is_sent_again() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        await ask(origin)
        # The peer closes, and the request is written before this loop has heard of it.
        peer = upstream.lines[0].writer.get_extra_info("socket")
        shut(peer.fileno())
        assert await ask(origin) == (200, b"ok")
        assert upstream.connections == 2
        assert len(upstream.requests) == 2

    play(scene)


def shut(descriptor: int) -> None:
    """Close both ways at once, so that what arrives afterwards is answered with a reset."""
    twin = socket.socket(fileno=descriptor)
    twin.shutdown(socket.SHUT_RDWR)
    twin.detach()


def test_a_request_that_arrived_is_never_sent_again() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        await ask(origin)
        await fails(ask(origin), "headers")
        assert len(upstream.requests) == 2
        assert upstream.connections == 1

    play(scene, closing_once(read_first=True))


def test_a_connection_closed_while_idle_is_not_taken() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        await ask(origin)
        await settled(lambda: origin.open == 0)
        assert await ask(origin) == (200, b"ok")

    play(scene, closing_once(read_first=False))


# ---- cancelling


def as_fiber(work: Coroutine[Any, Any, Any]) -> Callable[[], object]:
    async def run() -> None:
        with contextlib.suppress(Fail):
            await work

    fiber = Fiber(asyncio.get_running_loop(), run())
    fiber.step()
    return fiber.cancel


def as_task(work: Coroutine[Any, Any, Any]) -> Callable[[], object]:
    return asyncio.ensure_future(work).cancel


@pytest.mark.parametrize("start", [as_fiber, as_task])
@pytest.mark.parametrize("phase", ["head", "body"])
def test_cancelling_hangs_up_within_100_ms(start: Callable[..., Callable[[], object]], phase: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        if phase == "body":
            line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        cancel = start(ask(origin, Patience(5, 5, 5)))
        await settled(lambda: len(upstream.requests) == 1)
        await asyncio.sleep(0.02)
        cancel()
        async with asyncio.timeout(0.1):
            await upstream.left.wait()
        await settled(lambda: origin.open == 0)

    play(scene, script)


def test_cancelling_in_the_handshake_hangs_up() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        asking = asyncio.ensure_future(ask(origin))
        await settled(lambda: upstream.connections == 1)
        asking.cancel()
        async with asyncio.timeout(0.1):
            await upstream.left.wait()
        assert origin._dialling == 0

    play(scene, Line.hang_up_seen, tls=client_context())


def test_cancelling_while_the_name_is_looked_up() -> None:
    class Slow(Names):
        async def resolve(self, host: str) -> list[str]:
            await asyncio.sleep(5)
            return []

    async def main() -> None:
        async with origin_of(Reach("nowhere", 1), Slow(asyncio.get_running_loop().time)) as origin:
            asking = asyncio.ensure_future(ask(origin))
            await asyncio.sleep(0)
            assert origin._dialling == 1
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert origin._dialling == 0

    uvloop.run(main())


def test_a_task_cancelled_after_the_answer_hurts_nobody_else() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        first = asyncio.ensure_future(origin.request(HEAD, b"{}", PATIENCE))
        await settled(lambda: origin.open == 1 and not origin._idle)
        (connection,) = origin._open
        connection.data_received(OK)  # the answer is here, the task not yet resumed
        second = asyncio.ensure_future(origin.request(HEAD, b"{}", PATIENCE))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not connection.closed
        upstream.lines[0].send(OK)
        assert (await second).body == b"ok"

    play(scene, stall)


# ---- what cannot be reached


def test_refused() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        async with origin_of(Reach("127.0.0.1", port)) as origin:
            error = await fails(ask(origin), "connect")
            assert f"127.0.0.1:{port}" in error.message
            assert error.retryable

    uvloop.run(main())


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

    uvloop.run(main())


class Two(Names):
    """A name with two addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(self, host: str) -> list[str]:
        return self._addresses

    def forget(self, host: str) -> None:
        pass


def full_listener() -> tuple[socket.socket, list[socket.socket], int]:
    """A port whose queue is full: connecting to it hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.2", 0))
    listener.listen(0)
    stuffing = []
    for _ in range(3):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        stuffing.append(sock)
    return listener, stuffing, listener.getsockname()[1]


def test_an_address_that_hangs() -> None:
    async def main() -> None:
        listener, stuffing, port = full_listener()
        with listener, contextlib.ExitStack() as stack:
            for sock in stuffing:
                stack.enter_context(sock)
            async with origin_of(Reach("127.0.0.2", port)) as origin:
                await fails(ask(origin, Patience(connect=0.1)), "connect", 504)
            server = await asyncio.start_server(Upstream(echo_ok).serve, "127.0.0.1", port)
            async with server, origin_of(Reach("two", port), Two("127.0.0.2", "127.0.0.1")) as origin:
                assert await ask(origin, Patience(connect=0.4)) == (200, b"ok")

    uvloop.run(main())


def test_the_second_address_serves_when_the_first_refuses() -> None:
    async def main() -> None:
        async with scripted(echo_ok) as upstream:
            async with origin_of(Reach("two", upstream.port), Two("127.0.0.3", "127.0.0.1")) as origin:
                assert await ask(origin) == (200, b"ok")

    uvloop.run(main())


def test_ipv6() -> None:
    async def main() -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
        async with scripted(echo_ok, host="::1") as upstream:
            async with origin_of(Reach("::1", upstream.port)) as origin:
                assert await ask(origin) == (200, b"ok")

    uvloop.run(main())


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

    uvloop.run(main())


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


def test_what_is_closed_as_soon_as_it_is_open_does_not_count_as_open() -> None:
    async def script(line: Line) -> None:
        line.reset()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        for _ in range(5):
            with pytest.raises(UpstreamError) as raised:
                await ask(origin)
            assert raised.value.status == 502
        await settled(lambda: origin.open == 0)

    play(scene, script, max_connections=2)


def test_what_is_lost_before_it_was_used_is_not_used() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        dial = origin._dial_one

        async def dial_and_lose(address: str, port: int) -> Any:
            connection = await dial(address, port)
            connection.abort()
            await settled(lambda: connection.closed)
            return connection

        origin._dial_one = dial_and_lose  # type: ignore[method-assign]
        await fails(ask(origin), "connect")
        assert origin.open == 0
        assert not upstream.requests

    play(scene)

import asyncio
import socket
from typing import Any

import pytest

from penstock.core.call import Call, Operation
from penstock.core.errors import GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import collect
from penstock.net.client import Origin
from penstock.net.reach import Patience, Reach
from tests.net.asking import PATIENCE, answers_after, ask, fails, play, stall
from tests.net.caller import settled
from tests.net.upstream import HEAD, OK, Line, Script, Upstream, echo_ok, origin_of

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


@pytest.mark.interpreted
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


# ---- what a call waited for


def call() -> Exchange:
    return Exchange("req", Call(Operation("chat", "openai", ""), "POST", "/", b"", [], ""), 0.0, 60.0, None)  # type: ignore[arg-type]


def test_who_has_a_connection_made_is_told_how_long_that_took_and_who_takes_an_idle_one_is_not() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        first, second = call(), call()
        for one in (first, second):
            await collected(origin, one)
        assert first.connecting > 0
        assert (second.connecting, first.waits, second.waits) == (0.0, None, None)
        assert (origin.obtained, origin.waited, origin.queued) == (1, 0.0, 0)

    play(scene)


async def collected(origin: Origin, one: Exchange) -> None:
    response = await origin.request(HEAD, b"{}", PATIENCE, exchange=one)
    if not response.ended:
        await collect(response, 1 << 20)


def test_a_connection_that_cannot_be_made_took_its_time_too() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        one = call()
        async with origin_of(Reach("127.0.0.1", 1)) as nobody:
            await fails(nobody.request(HEAD, b"{}", PATIENCE, exchange=one), "connect")
        assert one.connecting > 0

    play(scene)


def test_the_wait_for_one_of_the_pool_is_a_queue_of_ours() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        first, second = call(), call()
        second.waited = 5.0
        await asyncio.gather(collected(origin, first), collected(origin, second))
        assert first.waits is None
        assert second.waits is not None
        waited = second.waits["connections"]
        assert waited > 0
        assert (second.queued, second.waited) == (waited, pytest.approx(5.0 - waited))
        assert (origin.obtained, origin.waited) == (2, waited)

    play(scene, max_connections=1)


def test_calls_that_wait_for_an_answer_may_be_told_to_go_elsewhere_and_no_others() -> None:
    come = asyncio.Event()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        body: Any = None
        one = Exchange("req_1", Call(Operation("chat", "openai", "/c"), "POST", "/c", b"", [], "h"), 0.0, 60.0, body)
        call = asyncio.ensure_future(origin.request(HEAD, b"{}", PATIENCE, exchange=one))
        probe = asyncio.ensure_future(ask(origin))  # of our own: nobody else should answer it
        await settled(lambda: len(upstream.requests) == 2)
        error = UpstreamError("it is to end", code="upstream_leaving")
        assert origin.leave(error) == 1
        with pytest.raises(UpstreamError) as raised:
            await call
        assert raised.value is error
        assert origin.leave(error) == 0
        come.set()
        assert await probe == (200, b"ok")
        await settled(lambda: origin.open == 1)

    play(scene, answers_after(come))

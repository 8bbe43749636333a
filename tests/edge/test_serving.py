import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.core.errors import CallerError, GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole
from tests.support.scripted import Door, Puppet
from tests.support.serving import CHAT, EVENTS, MESSAGES, connect, serve
from tests.support.sockets import Answer, parse_answers, request


@contextlib.contextmanager
def silent() -> Iterator[None]:
    logger = logging.getLogger("penstock")
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


# ---- whole answers


def test_taps_see_a_whole_answer_once() -> None:
    seen: list[bytes] = []

    def script(exchange: Exchange) -> Reply:
        reply = Reply(200, [], b"hello")
        reply.taps.append(seen.append)
        return reply

    async def act(door: Door) -> None:
        await door.ask("POST", CHAT, body=b"{}")
        (one,) = door.ended
        assert (one.outcome, one.status, one.bytes_out, one.error) == ("ok", 200, 5, None)
        assert one.started <= one.first_byte <= one.ended

    serve(script, act)
    assert seen == [b"hello"]


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_no_length(status: int) -> None:
    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert got.status == status
        assert "content-length" not in got.headers
        assert "transfer-encoding" not in got.headers

    serve(lambda exchange: Reply(status, [], b""), act)


@pytest.mark.parametrize(
    ("fail", "target"),
    [
        (CallerError("no", status=422), CHAT),
        (UpstreamError("down", retry_after=2.0), CHAT),
        (GatewayError("full"), MESSAGES),
    ],
)
def test_a_fail_of_any_room_is_an_answer(fail: Any, target: str) -> None:
    def script(exchange: Exchange) -> Reply:
        raise fail

    async def act(door: Door) -> Answer:
        got = await door.ask("POST", target, body=b"{}")
        (one,) = door.ended
        assert (one.outcome, one.error, one.status) == ("error", fail, fail.status)
        return got

    got = serve(script, act)
    assert got.status == fail.status
    assert got.headers["x-penstock-fault"] == fail.fault
    assert got.headers.get("retry-after") == ("2" if fail.retry_after else None)
    assert ("request-id" in got.headers) == (target == MESSAGES)


def test_a_defect_is_500_tells_nothing_and_ends_the_exchange() -> None:
    def script(exchange: Exchange) -> Reply:
        raise ZeroDivisionError("inner detail")

    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert got.status == 500
        assert b"inner" not in got.body
        assert door.ended[0].error is not None
        assert (await door.ask("POST", CHAT, body=b"{}")).status == 500

    with silent():
        serve(script, act)


def test_a_room_cancelled_from_within_drops_the_connection() -> None:
    async def script(exchange: Exchange) -> Reply:
        raise asyncio.CancelledError

    async def act(door: Door) -> None:
        assert await door.raw(request("POST", CHAT, body=b"{}")) == b""
        assert door.ended[0].outcome == "error"
        await door.until(lambda: door.server.open == 0)
        assert door.endpoint.generation.in_flight == 0

    serve(script, act)


# ---- live answers


def test_a_live_answer_is_chunked_and_head_and_first_frame_leave_together() -> None:
    seen: list[bytes] = []

    def script(exchange: Exchange) -> Reply:
        reply = Reply(200, EVENTS, Whole(b"data: 1\n\n", b"data: 2\n\n"), events=True)
        reply.taps.append(seen.append)
        return reply

    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert got.body == b"data: 1\n\ndata: 2\n\n"
        assert got.headers["transfer-encoding"] == "chunked"
        assert got.headers["cache-control"] == "no-cache, no-transform"
        (one,) = door.ended
        assert (one.outcome, one.bytes_out) == ("ok", 18)
        assert one.first_byte

    serve(script, act)
    assert seen == [b"data: 1\n\n", b"data: 2\n\n"]


def test_frames_reach_the_caller_as_they_come() -> None:
    puppet = Puppet()

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"HTTP/1.1 200" in head, "the head does not wait for the first frame"
        for frame in (b"one", b"two"):
            puppet.push(frame)
            assert await reader.readexactly(8) == b"3\r\n" + frame + b"\r\n"
        puppet.end()
        assert await reader.readexactly(5) == b"0\r\n\r\n"
        writer.close()

    serve(lambda exchange: Reply(200, EVENTS, puppet, events=True), act)


def test_a_live_answer_of_known_length_is_not_chunked() -> None:
    def script(exchange: Exchange) -> Reply:
        reply = Reply(200, [], Whole(b"ab", b"cd"))
        reply.length = 4
        return reply

    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert (got.headers["content-length"], got.body) == ("4", b"abcd")

    serve(script, act)


def test_for_http_1_0_the_end_of_the_connection_is_the_end_of_the_body() -> None:
    async def act(door: Door) -> None:
        reader, writer = await connect(door, version="1.0")
        got = await reader.read()
        writer.close()
        (answer,) = parse_answers(got)
        assert "transfer-encoding" not in answer.headers
        assert answer.body == b"abcd"

    serve(lambda exchange: Reply(200, [], Whole(b"ab", b"cd")), act)


def test_an_empty_live_answer_is_whole() -> None:
    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert (got.status, got.body, got.whole) == (200, b"", True)

    serve(lambda exchange: Reply(200, [], Whole()), act)


def test_requests_follow_each_other_on_one_connection() -> None:
    def script(exchange: Exchange) -> Reply:
        body = exchange.call.header(b"x-n") or b""
        return Reply(200, [], body if exchange.call.header(b"x-whole") else Whole(body))

    async def act(door: Door) -> None:
        sent = b"".join(
            request("POST", CHAT, [("X-N", str(n)), *([("X-Whole", "1")] if n % 2 else [])], b"{}", keep=n < 9)
            for n in range(10)
        )
        answers = parse_answers(await door.raw(sent))
        assert [got.body for got in answers] == [b"%d" % n for n in range(10)]
        assert len({got.headers["x-request-id"] for got in answers}) == 10

    serve(script, act)


# ---- errors after the start


def test_a_source_that_fails_before_its_first_frame_becomes_an_error_answer() -> None:
    class Failing(Puppet):
        def start(self, sink: Any) -> None:
            sink.end(UpstreamError("cut", status=504))

    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert got.status == 504
        assert "content-length" in got.headers
        assert (door.ended[0].outcome, door.ended[0].status) == ("error", 504)

    serve(lambda exchange: Reply(200, EVENTS, Failing(), events=True), act)


@pytest.mark.parametrize(("target", "starts"), [(CHAT, b"data: {"), (MESSAGES, b"event: error\ndata: {")])
def test_a_cut_event_stream_ends_with_an_error_event_and_closes(target: str, starts: bytes) -> None:
    puppet = Puppet([b"data: 1\n\n"])

    async def act(door: Door) -> None:
        reader, writer = await connect(door, target)
        await reader.readuntil(b"data: 1\n\n\r\n")
        puppet.end(UpstreamError("cut"))
        rest = await reader.read()
        assert starts in rest
        assert rest.endswith(b"\n\n\r\n0\r\n\r\n")
        writer.close()
        assert (door.ended[0].outcome, door.ended[0].status) == ("error", 200)

    serve(lambda exchange: Reply(200, EVENTS, puppet, events=True), act)


def test_a_cut_answer_that_is_no_event_stream_never_looks_whole() -> None:
    puppet = Puppet([b"half of it"])

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        got = await reader.readuntil(b"half of it\r\n")
        puppet.end(UpstreamError("cut"))
        with contextlib.suppress(ConnectionResetError):
            got += await reader.read()
        writer.close()
        (answer,) = parse_answers(got)
        assert not answer.whole
        assert door.ended[0].outcome == "error"

    serve(lambda exchange: Reply(200, [], puppet), act)


def test_a_room_that_need_not_wait_is_answered_without_a_coroutine() -> None:
    """A plain function that gives the reply, or raises, as the rooms do that decide at once."""
    ended: list[Exchange] = []

    def at_once(exchange: Exchange) -> Reply:
        exchange.defer(ended.append)
        if exchange.call.header(b"x-fail"):
            raise CallerError("no", status=418, code="teapot")
        if exchange.call.header(b"x-defect"):
            raise ZeroDivisionError("inner detail")
        return Reply(200, [], b"now")

    async def act(door: Door) -> None:
        for field, status in (("x-other", 200), ("x-fail", 418), ("x-defect", 500)):
            got = await door.ask("POST", CHAT, [(field, "1")], body=b"{}")
            assert got.status == status
            assert b"inner" not in got.body

    with silent():
        serve(lambda exchange: Reply(200, [], b""), act, run=at_once)
    assert [one.outcome for one in ended] == ["ok", "error", "error"]

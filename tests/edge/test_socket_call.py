"""One call on a socket, behind a pipeline that the test wrote."""

import asyncio
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole
from penstock.edge.socket_session import open_session
from penstock.memory.ledger import BoundedAccount
from penstock.net.turn import Turn
from penstock.net.websocket import SocketLimits
from penstock.process.loop import run
from tests.support.scripted import Door, Puppet, Script, scripted
from tests.support.socket_caller import SocketCaller, dial, text

EVENTS = [(b"content-type", b"text/event-stream")]
LIMITS = SocketLimits(100_000, 60.0, 600.0)
TOKEN = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'


def talk(script: Script, act: Any, **generation: Any) -> None:
    """``await act(caller, door)`` on a socket behind which ``script`` answers; afterwards nothing runs any more."""

    async def main() -> None:
        async with scripted(script, authorize=lambda headers, right: "key", **generation) as door:
            room = BoundedAccount("room", 1_000_000)

            def open_socket(turn: Turn, client: str) -> None:
                open_session(door.endpoint, door.server, turn, client, LIMITS, room, 4)

            door.endpoint.open_socket = open_socket
            caller = await dial(door.port)
            try:
                await act(caller, door)
            finally:
                caller.leave()
            await door.until(lambda: len(door.ended) == len(door.seen) and door.server.open == 0)
            assert door.endpoint.generation.in_flight == 0

    run(main())


def ask(id: str = "a", **more: Any) -> bytes:
    return text({"id": id, "body": {"model": "m"}, **more})


def test_events_become_messages_and_the_end_is_told() -> None:
    seen: list[bytes] = []

    def script(exchange: Exchange) -> Reply:
        reply = Reply(200, EVENTS, Whole(TOKEN + TOKEN, b": comment\n\n", b"data: [DONE]\n\n"), events=True)
        reply.taps.append(seen.append)
        return reply

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask())
        got = await caller.messages()
        assert [(one["type"], one.get("index")) for one in got] == [
            ("start", None), ("event", 0), ("event", 1), ("end", 2),
        ]  # fmt: skip
        (one,) = door.ended
        assert (one.outcome, one.status) == ("ok", 200)
        assert one.started <= one.first_byte <= one.ended
        assert one.bytes_out > 0

    talk(script, act)
    assert b"".join(seen).count(b"data:") == 3


def test_usage_that_clean_up_sums_up_is_told_at_the_end() -> None:
    def script(exchange: Exchange) -> Reply:
        exchange.defer(lambda ended: setattr(ended, "tokens_out", 7))
        return Reply(200, EVENTS, Whole(TOKEN), events=True)

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask())
        assert (await caller.messages())[-1]["usage"]["completion_tokens"] == 7

    talk(script, act)


@pytest.mark.parametrize("live", [True, False])
def test_an_answer_that_is_no_stream_is_one_message(live: bool) -> None:
    body = b'{"answer":42}'

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask())
        (got,) = await caller.messages()
        assert (got["type"], got["status"], got["body"]) == ("answer", 200, {"answer": 42})

    talk(lambda exchange: Reply(200, [], Whole(body[:4], body[4:]) if live else body), act)


def test_an_answer_too_large_for_a_message_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.edge.socket_call.MOST_ANSWER_BYTES", 3)

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask())
        (got,) = await caller.messages()
        assert (got["type"], got["status"], got["body"]["error"]["code"]) == ("error", 502, "answer_too_large")

    talk(lambda exchange: Reply(200, [], Whole(b"1234")), act)


def test_a_stream_that_breaks_ends_with_an_error_and_never_with_an_end() -> None:
    puppet = Puppet([TOKEN])

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask())
        assert [(await caller.message())["type"] for _ in range(2)] == ["start", "event"]
        puppet.end(UpstreamError("cut"))
        got = await caller.message()
        assert (got["type"], got["id"], got["status"]) == ("error", "a", 502)
        assert door.ended[0].outcome == "error"
        assert door.ended[0].status == 200

    talk(lambda exchange: Reply(200, EVENTS, puppet, events=True), act)


def test_a_fail_of_any_room_is_an_error_message(caplog: pytest.LogCaptureFixture) -> None:
    def script(exchange: Exchange) -> Reply:
        if exchange.body.complete == b'{"model":"bug"}':
            raise ZeroDivisionError
        raise UpstreamError("down", retry_after=2.0)

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(text({"id": "a", "body": {"model": "m"}}))
        got = await caller.message()
        assert (got["status"], got["retryable"], got["retry_after"]) == (502, True, 2.0)
        caller.send(text('{"id":"b","body":{"model":"bug"}}'))
        got = await caller.message()
        assert (got["id"], got["status"], got["body"]["error"]["code"]) == ("b", 500, "internal_error")

    talk(script, act)
    assert "a room failed" in caplog.text


def test_the_deadline_ends_it_before_and_after_the_first_event() -> None:
    puppet = Puppet([TOKEN])

    async def script(exchange: Exchange) -> Reply:
        if len(door_seen) == 0:
            door_seen.append(exchange)
            await asyncio.get_running_loop().create_future()
        return Reply(200, EVENTS, puppet, events=True)

    door_seen: list[Exchange] = []

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask("silent"))
        got = await caller.message()
        assert (got["id"], got["status"], got["body"]["error"]["code"]) == ("silent", 504, "deadline")
        caller.send(ask("stalled"))
        got = await caller.messages()
        assert (got[-1]["id"], got[-1]["status"]) == ("stalled", 504)
        assert puppet.calls[-1] == "cancel"

    talk(script, act, total_timeout=0.05)


def test_a_caller_that_leaves_cancels_its_upstream_in_every_phase() -> None:
    puppet = Puppet([TOKEN])
    waiting = asyncio.Event()
    cancelled: list[str] = []

    async def script(exchange: Exchange) -> Reply:
        if exchange.body.complete == b'{"model":"waits"}':
            waiting.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(exchange.id)
                raise
        return Reply(200, EVENTS, puppet, events=True)

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask("flows"), text('{"id":"b","body":{"model":"waits"}}'))
        await waiting.wait()
        assert [(await caller.message())["type"] for _ in range(2)] == ["start", "event"]
        caller.leave()
        await door.until(lambda: len(door.ended) == 2)
        assert {one.outcome for one in door.ended} == {"left"}
        assert puppet.calls == ["start", "cancel"]
        await door.until(lambda: cancelled)

    talk(script, act)


def test_a_caller_that_does_not_read_pauses_its_upstreams() -> None:
    puppet = Puppet()

    async def act(caller: SocketCaller, door: Door) -> None:
        caller.send(ask())
        await caller.message()
        sent = 0
        while "pause" not in puppet.calls:
            puppet.push(b"data: " + b"x" * 50_000 + b"\n\n")
            sent += 1
            await asyncio.sleep(0)
            assert sent < 1000
        for index in range(sent):
            assert (await caller.message())["index"] == index
        await door.until(lambda: "resume" in puppet.calls)
        puppet.end()
        assert (await caller.message())["index"] == sent

    talk(lambda exchange: Reply(200, EVENTS, puppet, events=True), act)

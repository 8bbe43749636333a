"""Failures before the first byte, through the whole room: who is asked again, how often, after what wait."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from penstock.core.call import Operation
from penstock.core.errors import CallerError, Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.capabilities import UNKNOWN, Capabilities
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from tests.support.targets import Upstream, exchange

UPLOAD = Operation("files", "openai", "/files", body="opaque", needs_model=False)
SILENT = UpstreamError("x", status=504, phase="headers")


class Scripted(Upstream):
    """Each call meets the next of ``script``; the last for ever. A string is an answer."""

    def __init__(self, name: str, script: Sequence[Any]) -> None:
        super().__init__(name)
        self.script = list(script)

    async def send(self, exchange: Exchange, model: str) -> Reply:
        self.sent.append(model)
        act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(act, Exception):
            raise act
        if isinstance(act, str):
            return Reply(200, [], act.encode())
        status, headers, body = act
        return Reply(status, headers, body)


def target(name: str, *script: Any) -> Target:
    return Target(name, Scripted(name, script))


def answer(status: int, body: bytes = b"{}", **headers: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return status, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], body


def send(
    one: Exchange,
    *those: Target,
    retries: int = 2,
    fallbacks: Sequence[Target] = (),
    waits: list[float] | None = None,
    known: Capabilities = UNKNOWN,
) -> Reply:
    names = [f"model-{target.name}" for target in fallbacks]
    entries = [Entry("m", those, make_strategy("round_robin"), "sent-as", fallbacks=names)]
    entries += [
        Entry(name, [target], make_strategy("round_robin"), capabilities=known)
        for name, target in zip(names, fallbacks, strict=True)
    ]
    waited = [] if waits is None else waits
    slept = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds
        waited.append(seconds)

    async def main() -> Reply:
        room = Routing(
            Table(entries), [*those, *fallbacks], retries=retries,
            now=lambda: slept, uniform=lambda low, high: high, sleep=sleep,
        )  # fmt: skip
        return await room(one, no_room_below)

    try:
        return run(main())
    finally:
        one.finish("ok", 1.0)
        assert [one.in_flight for one in (*those, *fallbacks)] == [0] * (len(those) + len(fallbacks))


async def no_room_below(exchange: Exchange) -> Reply:
    raise AssertionError


def upstream_of(one: Target) -> Upstream:
    provider: Any = one.provider
    assert isinstance(provider, Upstream)
    return provider


def calls(*those: Target) -> list[int]:
    return [len(upstream_of(one).sent) for one in those]


@pytest.mark.parametrize("fault", [
    answer(500), answer(503), answer(429), answer(401), answer(402), SILENT,
    UpstreamError("x", phase="connect"), UpstreamError("x", phase="headers"), UpstreamError("malformed"),
])  # fmt: skip
def test_another_upstream_answers_at_once(fault: Any) -> None:
    one, a, b, waits = exchange(), target("a", fault), target("b", "fine"), []
    assert send(one, a, b, waits=waits).body == b"fine"
    assert (calls(a, b), waits) == ([1, 1], [])
    assert (one.upstream, one.attempts) == ("b", 2)
    assert [name for _, name in one.failures or []] == ["a"]


def test_a_key_of_ours_that_is_refused_is_not_told_as_the_callers_fault() -> None:
    one, a = exchange(), target("a", answer(401))
    with pytest.raises(UpstreamError, match="upstream 'a' refused the key") as told:
        send(one, a)
    assert (told.value.status, told.value.code, told.value.retryable) == (502, "upstream_auth", False)
    assert calls(a) == [1]


@pytest.mark.parametrize(("fault", "tries"), [
    (answer(500), 3), (answer(503), 3), (answer(429), 3), (UpstreamError("x", phase="headers"), 3),
    (SILENT, 1), (answer(402), 1), (answer(400), 1), (answer(404), 1),
    (answer(400, b"content_filter"), 1), (answer(400, b"context_length_exceeded"), 1), (CallerError("x"), 1),
])  # fmt: skip
def test_how_often_one_that_is_alone_is_asked(fault: Any, tries: int) -> None:
    one, a = exchange(), target("a", fault)
    if isinstance(fault, Fail):
        with pytest.raises(type(fault)):
            send(one, a)
    else:
        assert send(one, a).status == fault[0]
    assert calls(a) == [tries]
    assert one.attempts == tries


@pytest.mark.parametrize("fault", [answer(400), answer(422), answer(400, b"content_filter"), CallerError("x")])
def test_what_the_caller_must_mend_goes_to_nobody_else(fault: Any) -> None:
    a, b, f = target("a", fault), target("b", "fine"), target("f", "fine")
    if isinstance(fault, Fail):
        with pytest.raises(CallerError):
            send(exchange(), a, b, fallbacks=[f])
    else:
        assert send(exchange(), a, b, fallbacks=[f]).status == fault[0]
    assert calls(a, b, f) == [1, 0, 0]


def test_a_context_that_is_too_long_goes_to_a_fallback_alone() -> None:
    one = exchange()
    a, b, f = target("a", answer(400, b"context_length_exceeded")), target("b", "fine"), target("f", "larger")
    assert send(one, a, b, fallbacks=[f]).body == b"larger"
    assert calls(a, b, f) == [1, 0, 1]
    assert (one.model, one.answered_as, one.upstream) == ("model-f", "model-f", "f")


def test_fallbacks_are_asked_in_order_under_their_own_names() -> None:
    a, f, g = target("a", answer(503)), target("f", answer(503)), target("g", "fine")
    one = exchange()
    assert send(one, a, fallbacks=[f, g], retries=0).body == b"fine"
    assert [upstream_of(those).sent for those in (a, f, g)] == [["sent-as"], ["model-f"], ["model-g"]]
    assert (one.answered_as, one.attempts) == ("model-g", 3)


@pytest.mark.parametrize("fault", [
    answer(503, b'{"error":{"message":"down"}}'), UpstreamError("down", phase="connect"), answer(401, b"{}"),
    answer(400, b'{"error":{"message":"context_length_exceeded"}}'),
])  # fmt: skip
def test_a_fallback_that_cannot_take_the_call_is_not_asked_and_the_error_says_so(fault: Any) -> None:
    one, a, f = exchange(), target("a", fault), target("f", "fine")
    one.call.body = b'{"model":"m","tools":[{"type":"function"}]}'
    try:
        told = send(one, a, fallbacks=[f], retries=0, known=Capabilities(tools=False)).body
    except UpstreamError as error:
        told = error.message.encode()
    assert isinstance(told, bytes)
    assert b"; of the fallbacks, 'model-f' takes no tools" in told
    assert calls(a, f) == [1, 0]
    one = exchange()
    one.call.body = b'{"model":"m"}'
    assert send(one, target("a", fault), fallbacks=[f], known=Capabilities(tools=False)).body == b"fine"


@pytest.mark.parametrize(
    ("headers", "wait"), [({"retry_after": "3"}, 3.0), ({"retry_after_ms": "1500"}, 1.5), ({}, 0.5)]
)
def test_it_waits_as_long_as_it_is_asked_to(headers: dict[str, str], wait: float) -> None:
    waits: list[float] = []
    assert send(exchange(), target("a", answer(429, **headers), "fine"), waits=waits).body == b"fine"
    assert waits == [wait]


@pytest.mark.parametrize("asked", ["61", "120"])
def test_nobody_waits_past_the_deadline_or_for_minutes(asked: str) -> None:
    waits: list[float] = []
    reply = send(exchange(), target("a", answer(429, retry_after=asked)), waits=waits)
    assert (reply.status, waits) == (429, [])


def test_a_body_that_was_streamed_is_not_sent_again() -> None:
    one, a, b = exchange("m", UPLOAD), target("a", answer(503)), target("b", "fine")

    class Streamed:
        length = 10

    one.body = Streamed()  # type: ignore[assignment]
    assert send(one, a, b).status == 503
    assert calls(a, b) == [1, 0]


def test_a_caller_that_leaves_while_a_retry_waits_is_not_asked_for() -> None:
    a = target("a", answer(503))
    one = exchange()

    async def main() -> None:
        async def sleep(seconds: float) -> None:
            waiting.cancel()
            await asyncio.sleep(60)

        room = Routing(
            Table([Entry("m", [a], make_strategy("round_robin"))]), [a], retries=2, now=lambda: 0.0, sleep=sleep
        )
        waiting = asyncio.ensure_future(room(one, no_room_below))
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(main())
    one.finish("left", 1.0)
    assert (calls(a), a.in_flight) == ([1], 0)

"""Streams that break, through the whole room: what the caller gets is the whole answer, once, or one error."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call, Operation
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from penstock.wire.operations import OPERATIONS
from penstock.wire.sse import parse
from tests.support.numbered import CUT, TEXT, WORDS, numbered, upstream

BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "stream": True, "messages": [{"role": "user", "content": "count"}]},
    "messages": {"model": "m", "stream": True, "max_tokens": 99, "messages": [{"role": "user", "content": "count"}]},
    "completions": {"model": "m", "stream": True, "prompt": "count: "},
}


class Caller:
    """The edge: takes what flows."""

    def __init__(self) -> None:
        self.got = b""
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        self.got += frame

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(event.data) for event in parse(self.got) if event.data != b"[DONE]"]

    @property
    def text(self) -> str:
        return "".join(filter(None, (_text(event) for event in self.events)))


def _text(event: dict[str, Any]) -> str:
    delta = event.get("delta")
    if isinstance(delta, dict):
        return str(delta.get("text", ""))
    choice = next(iter(event.get("choices") or [{}]))
    return choice.get("text") or choice.get("delta", {}).get("content") or ""


def ask(operation: str = "chat", **fields: Any) -> Exchange:
    body: Any = None
    call = Call(BY_NAME[operation], "POST", "/v1" + BY_NAME[operation].path, b"", [], "10.0.0.1")
    call.model, call.stream, call.usage_wanted = "m", True, True
    call.max_tokens = fields.get("max_tokens")
    call.body = msgspec.json.encode(BODIES[operation] | fields)
    return Exchange("req_1", call, 0.0, 60.0, body)


def serve(
    exchange: Exchange, *those: Target, retries: int = 2, fallback: Target | None = None, **options: Any
) -> Caller:
    entries = [Entry("m", those, make_strategy("round_robin"), fallbacks=["f"] if fallback else [])]
    if fallback is not None:
        entries.append(Entry("f", [fallback], make_strategy("round_robin")))
    caller = Caller()

    async def main() -> None:
        room = Routing(
            Table(entries), those, retries=retries, now=lambda: 0.0, uniform=lambda low, high: low, **options
        )
        reply = await room(exchange, no_room_below)
        assert not isinstance(reply.body, bytes)
        reply.body.start(caller)
        for _ in range(50):
            if not caller.ends:
                await asyncio.sleep(0.001)
        exchange.finish("ok" if caller.ends == [None] else "error", 1.0)

    run(main())
    seats = [*those, *([fallback] if fallback else [])]
    assert [one.in_flight for one in seats] == [0] * len(seats), "a seat is still taken"
    return caller


async def no_room_below(exchange: Exchange) -> Reply:
    raise AssertionError


def whole(caller: Caller) -> bool:
    return caller.ends == [None] and caller.text == TEXT


@pytest.mark.parametrize("operation", sorted(BODIES))
@pytest.mark.parametrize("words", [1, 5, WORDS])
def test_a_stream_that_is_cut_is_finished_by_another_and_the_joint_does_not_show(operation: str, words: int) -> None:
    one = ask(operation)
    a, b = numbered("a", words), numbered("b")
    caller = serve(one, a, b)
    assert whole(caller)
    assert one.rescues == ["prefill"]
    assert one.failures == [("reset", "a")]
    assert (one.upstream, one.attempts) == ("b", 2)
    ids = {event.get("id") or event.get("message", {}).get("id") for event in caller.events} - {None}
    assert len(ids) == 1, "two answers in one"


@given(st.integers(0, WORDS), st.integers(0, WORDS), st.sampled_from(sorted(BODIES)), st.sampled_from(
    ["prefill instruction", "instruction", ""]))  # fmt: skip
def test_however_often_and_wherever_it_breaks(first: int, second: int, operation: str, takes: str) -> None:
    one = ask(operation)
    those = [numbered("a", first, takes=takes), numbered("b", second, takes=takes), numbered("c", takes=takes)]
    caller = serve(one, *those)
    assert whole(caller), (caller.text, caller.ends)


def test_the_comment_tells_the_story_before_the_end() -> None:
    caller = serve(ask(), numbered("a", 3), numbered("b"))
    story = b": penstock rescued this answer: upstream 'a' failed (reset) after 3 tokens; 'b' went on (prefill)\n\n"
    assert caller.got.endswith(story + b"data: [DONE]\n\n")
    assert caller.got.count(b"[DONE]") == 1


def test_usage_is_summed_and_marked() -> None:
    one = ask()
    caller = serve(one, numbered("a", 3), numbered("b"))
    (usage,) = [event["usage"] for event in caller.events if event.get("usage")]
    assert (usage["completion_tokens"], usage["penstock_rescues"]) == (WORDS, 1)
    assert [spent[0] for spent in one.spent or ()] == ["a", "b"]
    assert [sum(spent[at] for spent in one.spent or ()) for at in (2, 3)] == [one.tokens_in, WORDS]


def test_a_refused_prefill_is_never_shown_and_not_tried_again() -> None:
    b = numbered("b", takes="instruction")
    caller = serve(ask(), numbered("a", 3), b)
    assert whole(caller)
    assert [len(body["messages"]) for body in upstream(b).bodies] == [2, 3]
    assert serve(ask(), numbered("a", 3), b).text == TEXT
    assert [len(body["messages"]) for body in upstream(b).bodies] == [2, 3, 3]


def test_one_that_takes_neither_begins_again_and_what_was_told_is_left_out() -> None:
    one = ask()
    assert whole(serve(one, numbered("a", 3), numbered("b", takes="")))


def test_without_another_upstream_the_same_one_is_asked() -> None:
    one = ask()
    a = numbered("a", 3, None)
    assert whole(serve(one, a))
    assert len(upstream(a).bodies) == 2


def test_a_fallback_model_may_finish_it() -> None:
    one = ask()
    assert whole(serve(one, numbered("a", 3), fallback=numbered("f"), retries=0))
    assert one.upstream == "f"


def test_attempts_are_bounded_and_the_end_is_one_error_and_never_done() -> None:
    one = ask()
    a = numbered("a", 3, CUT)
    caller = serve(one, a, retries=2)
    assert len(upstream(a).bodies) == 3
    assert len(caller.ends) == 1
    assert caller.ends[0] is not None
    assert "no upstream is left" in caller.ends[0].message
    assert b"[DONE]" not in caller.got
    assert one.rescues == ["failed"]


def test_off_is_off() -> None:
    b = numbered("b")
    caller = serve(ask(), numbered("a", 3), b, rescue=False)
    assert caller.ends == [CUT]
    assert upstream(b).bodies == []


def test_tokens_already_given_count_against_the_limit() -> None:
    b = numbered("b")
    serve(ask(max_tokens=50), numbered("a", 3), b)
    assert upstream(b).bodies[0]["max_tokens"] == 47


def test_an_answer_that_lacks_only_its_end_is_given_one() -> None:
    one = ask(max_tokens=4)
    b = numbered("b")
    caller = serve(one, numbered("a", 4), b)
    assert caller.ends == [None]
    assert caller.events[-1]["choices"][0]["finish_reason"] == "length"
    assert upstream(b).bodies == []
    assert one.rescues == ["ended"]


def test_an_answer_that_lacks_only_its_end_is_nobodys_fault_and_needs_nobody_else() -> None:
    a = numbered("a", 4)
    for _ in range(20):
        one = ask(max_tokens=4)
        assert serve(one, a, retries=0).ends == [None]
        assert one.rescues == ["ended"]
    assert a.health.breaker.streak == a.health.breaker.openings == 0


def test_one_whose_streams_keep_breaking_is_left_alone() -> None:
    a, b = numbered("a", 3), numbered("b")
    for _ in range(20):
        assert whole(serve(ask(), a, b))
    assert a.word(0.0) == "open"
    assert b.word(0.0) == "closed"


def tool_frames(cut: bool) -> list[bytes]:
    call = {"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "f", "arguments": '{"a":'}}]}
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": call, "finish_reason": None}]}
    return [b"data: " + msgspec.json.encode(chunk) + b"\n\n"]


def test_a_tool_call_in_flight_is_never_glued() -> None:
    a, b = numbered("a", 3), numbered("b")
    provider = upstream(a)
    provider._frames = lambda *_: iter(tool_frames(True))  # type: ignore[method-assign]
    caller = serve(ask(), a, b)
    assert caller.ends[0] is not None
    assert "tool_calls" in caller.ends[0].message
    assert upstream(b).bodies == []


@pytest.mark.parametrize("field", [{"n": 2}, {"best_of": 3}])
def test_several_answers_are_not_continued(field: dict[str, int]) -> None:
    b = numbered("b")
    assert serve(ask(**field), numbered("a", 3), b).ends[0] is not None
    assert upstream(b).bodies == []


def test_a_constrained_answer_is_begun_again() -> None:
    one, b = ask(response_format={"type": "json_object"}), numbered("b")
    assert whole(serve(one, numbered("a", 3), b))
    assert len(upstream(b).bodies[0]["messages"]) == 1


def test_a_caller_that_leaves_while_a_rescue_waits_ends_it() -> None:
    one, a = ask(), numbered("a", 3, (503, [(b"retry-after", b"5")], b"{}"))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        room = Routing(Table([Entry("m", [a], make_strategy("round_robin"))]), [a], retries=5, now=lambda: 0.0,
                       uniform=lambda low, high: high, sleep=sleep)  # fmt: skip
        reply = await room(one, no_room_below)
        assert not isinstance(reply.body, bytes)
        caller = Caller()
        reply.body.start(caller)
        await asyncio.sleep(0)
        assert len(waits) == 1
        one.finish("left", 1.0)
        reply.body.cancel("caller gone")
        await asyncio.sleep(0.01)
        assert (caller.ends, len(upstream(a).bodies), a.in_flight) == ([], 1, 0)

    run(main())


def test_a_caller_that_does_not_read_pauses_the_rescuer_too() -> None:
    one, a, b = ask(), numbered("a", 3), numbered("b")

    async def main() -> None:
        room = Routing(Table([Entry("m", [a, b], make_strategy("round_robin"))]), [a, b], retries=2, now=lambda: 0.0)
        reply = await room(one, no_room_below)
        assert not isinstance(reply.body, bytes)

        class Slow(Caller):
            def push(self, frame: bytes) -> None:
                super().push(frame)
                if b"w3" in frame:
                    body.pause()

        body, caller = reply.body, Slow()
        body.start(caller)
        await asyncio.sleep(0.01)
        assert caller.text == "w1 w2 w3"
        body.resume()
        await asyncio.sleep(0.01)
        assert whole(caller)
        one.finish("ok", 1.0)

    run(main())

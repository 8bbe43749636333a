"""Calls without a stream under ``rescue: all``, through the whole room: one whole answer or one error, never half."""

import asyncio
import contextlib
import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing import collected
from penstock.routing.targets import Target
from penstock.routing.ways import STREAM
from penstock.wire import openai_chat
from penstock.wire.sse import DONE
from tests.support.collecting import (
    BODIES,
    JSON,
    ask,
    chunk,
    failing,
    no_room_below,
    part,
    room,
    says,
    serve,
    text_of,
    told,
)  # fmt: skip
from tests.support.numbered import CUT, TEXT, WORDS, Frames, Numbered, numbered, upstream

NO_STREAM = (400, JSON, b'{"error":{"message":"\'stream\' does not support true with this model"}}')
PLAIN = (200, JSON, b'{"plain":true}')


# ---- what is whole


@pytest.mark.parametrize("operation", sorted(BODIES))
def test_a_stream_is_asked_for_and_collected(operation: str) -> None:
    one, a = ask(operation), numbered("a")
    answer = told(serve(one, a))
    assert text_of(answer) == TEXT
    assert answer["object" if operation != "messages" else "type"] in ("chat.completion", "text_completion", "message")
    (body,) = upstream(a).bodies
    assert body["stream"] is True
    assert body.get("stream_options") == (None if operation == "messages" else {"include_usage": True})
    assert (one.rescues, one.failures, one.attempts, one.upstream) == (None, None, 1, "a")


@pytest.mark.parametrize("operation", sorted(BODIES))
@pytest.mark.parametrize("words", [1, 5, WORDS])
def test_what_is_cut_is_finished_by_another(operation: str, words: int) -> None:
    one, a, b = ask(operation), numbered("a", words), numbered("b")
    answer = told(serve(one, a, b))
    assert text_of(answer) == TEXT
    assert (one.rescues, one.failures, one.upstream, one.attempts) == (["prefill"], [("reset", "a")], "b", 2)
    assert answer["id"].endswith("a"), "the answer has the name of the one that began it"
    assert answer["usage"]["penstock_rescues"] == 1
    out = answer["usage"].get("completion_tokens", answer["usage"].get("output_tokens"))
    assert out == one.tokens_out == WORDS


@given(st.integers(0, WORDS), st.integers(0, WORDS), st.sampled_from(sorted(BODIES)), st.sampled_from(
    ["prefill instruction", "instruction", ""]))  # fmt: skip
def test_however_often_and_wherever_it_breaks(first: int, second: int, operation: str, takes: str) -> None:
    those = [numbered("a", first, takes=takes), numbered("b", second, takes=takes), numbered("c", takes=takes)]
    assert text_of(told(serve(ask(operation), *those))) == TEXT


def test_a_fallback_model_may_finish_it() -> None:
    one = ask()
    assert text_of(told(serve(one, numbered("a", 3), fallback=numbered("f"), retries=0))) == TEXT
    assert one.upstream == "f"


def test_a_silent_stream_fails_over() -> None:
    a, b = numbered("a"), numbered("b")
    silent = Frames([], ends=False)

    async def send(exchange: Exchange, model: str) -> Reply:
        return Reply(200, [], silent, events=True)

    upstream(a).send = send  # type: ignore[method-assign]
    one = ask()
    assert text_of(told(serve(one, a, b, first_token=0.01))) == TEXT
    assert one.failures == [("silent", "a")]
    assert silent.cancelled


def test_an_answer_that_lacks_only_its_end_is_given_one() -> None:
    one, b = ask(max_tokens=4), numbered("b")
    answer = told(serve(one, numbered("a", 4), b))
    assert (text_of(answer), answer["choices"][0]["finish_reason"]) == ("w1 w2 w3 w4", "length")
    assert (upstream(b).bodies, one.rescues) == ([], ["ended"])


# ---- what is not whole is an error


def test_without_anybody_left_it_is_one_error_and_attempts_are_bounded() -> None:
    one, a = ask(), numbered("a", 3, CUT)
    error = failing(one, a)
    assert (error.status, one.rescues, one.attempts) == (502, ["failed"], 3)
    assert "no upstream is left" in error.message
    assert a.in_flight == 0


def test_an_end_without_an_answer_is_an_error() -> None:
    role = chunk(part(0, role="assistant", content=""))
    error = failing(ask(), says(numbered("a"), [role, DONE]))
    assert (error.status, error.fault) == (502, "upstream")


def test_an_answer_that_is_too_large_is_refused_and_nobody_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collected, "collecting", functools.partial(collected.collecting, most=300))
    a, b = numbered("a"), numbered("b")
    error = failing(ask(), a, b)
    assert (error.status, error.code, error.retryable) == (502, "answer_too_large", False)
    assert upstream(a).sources[0].cancelled
    assert (upstream(b).bodies, a.in_flight) == ([], 0)


# ---- upstreams that give no streams


class Picky(Numbered):
    """Answers calls that want a stream with ``streamed``, all others with ``plain``."""

    def __init__(self, streamed: Any, plain: Any = PLAIN) -> None:
        super().__init__("a", streamed)
        self.streamed, self.plain = streamed, plain

    async def send(self, exchange: Exchange, model: str) -> Reply:
        self.script = [self.streamed if exchange.call.stream else self.plain]
        return await super().send(exchange, model)

    @property
    def forms(self) -> list[bool]:
        """Which requests asked for a stream."""
        return [body.get("stream") is True for body in self.bodies]


def picky(streamed: Any, plain: Any = PLAIN) -> tuple[Target, Picky]:
    provider = Picky(streamed, plain)
    return Target("a", provider, 1, "openai"), provider


def test_one_that_refuses_streams_is_asked_plain_and_remembered(caplog: pytest.LogCaptureFixture) -> None:
    target, provider = picky(NO_STREAM)
    one = ask()
    assert serve(one, target).body == PLAIN[2]
    assert (provider.forms, one.attempts, one.failures) == ([True, False], 2, None)
    assert provider.bodies[1] == BODIES["chat"], "it is not what the caller asked"
    assert "upstream 'a' gives no streams of chat" in caplog.text
    assert serve(ask(), target).body == PLAIN[2]
    assert provider.forms == [True, False, False]
    serve(ask("completions"), target)
    assert provider.forms[3:] == [True, False], "what it refuses of one operation it may take of another"


def test_where_the_plain_call_fails_the_next_is_asked_for_a_stream() -> None:
    target, provider = picky(NO_STREAM, (500, JSON, b"{}"))
    b = numbered("b")
    assert text_of(told(serve(ask(), target, b))) == TEXT
    assert (provider.forms, upstream(b).bodies[0]["stream"]) == ([True, False], True)


def test_it_is_not_remembered_where_it_was_not_the_stream_that_was_refused() -> None:
    told_off = (400, JSON, b'{"error":{"message":"unknown tool: stream"}}')
    target, provider = picky(told_off, told_off)
    assert serve(ask(), target).status == 400
    assert (provider.forms, target.refused) == ([True, False], set())


@pytest.mark.parametrize("message", [b"no such model", b"upstream says no"])
def test_other_refusals_are_the_callers_to_see(message: bytes) -> None:
    refusal = (400, JSON, b'{"error":{"message":"%b"}}' % message)
    target, provider = picky(refusal)
    reply = serve(ask(), target)
    assert (reply.status, reply.body, provider.forms) == (400, refusal[2], [True])


def test_one_that_answers_plain_all_the_same_is_passed() -> None:
    target, provider = picky(PLAIN)
    assert serve(ask(), target).body == PLAIN[2]
    assert (provider.forms, target.refused) == ([True], set())


def test_a_stream_under_a_wrong_name_is_not_given_to_one_who_wants_json() -> None:
    target, provider = picky((200, [(b"content-type", b"text/plain")], b"data: {}\n\n"))
    assert serve(ask(), target).body == PLAIN[2]
    assert (provider.forms, target.refused) == ([True, False], {("chat", "m", STREAM)})


def test_one_that_gives_no_streams_is_not_asked_to_finish_one() -> None:
    target, provider = picky(NO_STREAM)
    target.refused.add(("chat", "m", STREAM))
    assert text_of(told(serve(ask(), numbered("b", 3), numbered("c"), target))) == TEXT
    assert provider.bodies == []


@pytest.mark.parametrize("field", [{"stream_options": {}}, {"best_of": 2}, {"echo": True}])
def test_what_streams_do_not_bring_is_passed_as_it_came(field: dict[str, Any]) -> None:
    target, provider = picky(NO_STREAM)
    assert serve(ask("completions", **field), target).body == PLAIN[2]
    assert provider.forms == [False]


def test_only_all_is_all() -> None:
    target, provider = picky(NO_STREAM)
    assert serve(ask(), target, collect=False).body == PLAIN[2]
    assert provider.bodies == [BODIES["chat"]]


# ---- the caller


async def leave(one: Exchange, finish_first: bool, source: Frames) -> None:
    a = numbered("a")

    async def send(exchange: Exchange, model: str) -> Reply:
        return Reply(200, [], source, events=True)

    upstream(a).send = send  # type: ignore[method-assign]
    running = asyncio.ensure_future(room(a)(one, no_room_below))
    await asyncio.sleep(0.01)
    assert one.call.stream
    if finish_first:
        one.finish("left", 1.0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    one.finish("left", 1.0)
    assert a.in_flight == 0


@pytest.mark.parametrize("finish_first", [True, False])
def test_a_caller_that_leaves_ends_it_and_what_is_noted_is_its_own_call(finish_first: bool) -> None:
    source = Frames(list(openai_chat.stream("c", "m", 7, ["a", "b"]))[:3], ends=False)
    one = ask()
    call, noted = one.call, []
    one.defer(lambda exchange: noted.append(exchange.call))
    run(leave(one, finish_first, source))
    assert source.cancelled
    assert noted == [call]
    assert one.call is call


def test_waiting_for_the_stream_is_no_time_of_ours() -> None:
    one, clock = ask(), iter(range(100))
    serve(one, numbered("a"), now=lambda: float(next(clock)))
    assert one.waited >= 1.0

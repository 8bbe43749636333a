"""Collected calls whose answer broke where nobody can go on: it is begun anew, as the caller has seen nothing of it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from penstock.wire.sse import DONE, encode
from tests.support.collecting import ask, chunk, failing, part, says, serve, text_of, told
from tests.support.numbered import TEXT, Frames, numbered, upstream


def calling(arguments: str, **names: str) -> bytes:
    call = {"index": 0, **({"id": names["id"]} if names else {}), "function": {"arguments": arguments, **names}}
    call["function"].pop("id", None)  # type: ignore[attr-defined]
    return chunk(part(0, tool_calls=[call]))


def tool_stream(id: str) -> list[bytes]:
    usage = openai_chat.usage_object(Usage(5, 9))
    begun = [calling("", id=id, name="f"), calling('{"a":'), calling("1}")]
    return [*begun, chunk(part(0, "tool_calls")), chunk(usage=usage), DONE]


@pytest.mark.parametrize("seen", [1, 2, 3])
def test_a_tool_call_in_flight_is_begun_anew_and_never_glued(seen: int) -> None:
    a, b = says(numbered("a"), tool_stream("one")[:seen]), says(numbered("b"), tool_stream("two"))
    one = ask()
    answer = told(serve(one, a, b))
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call == {"id": "two", "function": {"name": "f", "arguments": '{"a":1}'}}
    assert (one.rescues, answer["choices"][0]["finish_reason"]) == (["restart"], "tool_calls")
    assert answer["usage"]["penstock_rescues"] == 1
    assert "continue" not in str(upstream(b).bodies).lower()


def test_a_tool_call_that_ends_in_done_without_its_finish_is_cut_too() -> None:
    a, b = says(numbered("a"), [*tool_stream("one")[:2], DONE]), says(numbered("b"), tool_stream("two"))
    assert told(serve(ask(), a, b))["choices"][0]["message"]["tool_calls"][0]["id"] == "two"


def test_several_choices_are_begun_anew() -> None:
    both = [chunk(part(0, content="a"), part(1, content="b")), chunk(part(0, "stop"), part(1, content="c"))]
    a, b = says(numbered("a"), both), says(numbered("b"), [*both, chunk(part(1, "length")), DONE])
    answer = told(serve(ask(n=2, max_tokens=2), a, b))
    got = [(choice["message"]["content"], choice["finish_reason"]) for choice in answer["choices"]]
    assert got == [("a", "stop"), ("bc", "length")]


def test_a_restart_may_be_another_answer() -> None:
    """A stream would have had to repeat what was told."""
    other = list(openai_chat.stream("c", "m", 7, ["an", "other"], Usage(3, 2)))
    one, a, b = ask(response_format={"type": "json_object"}), numbered("a", 3), says(numbered("b"), other)
    answer = told(serve(one, a, b))
    assert (text_of(answer), one.rescues) == ("another", ["restart"])
    assert answer["usage"]["completion_tokens"] == one.tokens_out == 3 + 2


def test_it_may_break_again_after_it_was_begun_anew() -> None:
    words = list(openai_chat.stream("c", "m", 7, ["w1", " w2"], Usage(3, 2)))[:-3]
    a, b, c = says(numbered("a"), tool_stream("one")[:2]), says(numbered("b"), words), numbered("c")
    one = ask()
    answer = told(serve(one, a, c, b))  # the strategy takes the last one first
    assert (text_of(answer), one.rescues) == (TEXT, ["restart", "prefill"])
    assert answer["usage"]["completion_tokens"] == one.tokens_out


def thinking(id: str) -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return encode(msgspec.json.encode({"type": kind, **fields}), kind)

    yield event("message_start", message={"id": id, "type": "message", "model": "m", "content": [], "usage": {}})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": "So"})
    yield event("content_block_stop", index=0)
    yield event("content_block_start", index=1, content_block={"type": "thinking", "thinking": "", "signature": ""})
    yield event("content_block_delta", index=1, delta={"type": "thinking_delta", "thinking": "h"})
    yield event("content_block_delta", index=1, delta={"type": "signature_delta", "signature": f"by {id}"})
    yield event("content_block_stop", index=1)
    yield event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
    yield event("message_stop")


def test_a_thought_that_was_cut_short_is_not_shown_without_its_signature() -> None:
    a, b = says(numbered("a"), list(thinking("a"))[:6]), says(numbered("b"), list(thinking("b")))
    answer = told(serve(ask("messages"), a, b))
    assert [block["type"] for block in answer["content"]] == ["text", "thinking"]
    assert (answer["id"], answer["content"][1]["signature"]) == ("b", "by b")


def test_the_error_that_broke_it_is_told() -> None:
    failed = UpstreamError("it burns", status=504, phase="body")
    a = numbered("a")

    async def send(exchange: Exchange, model: str) -> Reply:
        return Reply(200, [], Frames(tool_stream("one")[:2], failed), events=True)

    upstream(a).send = send  # type: ignore[method-assign]
    error = failing(ask(), a, retries=0)
    assert (error.status, error.message.startswith("it burns; ")) == (504, True)

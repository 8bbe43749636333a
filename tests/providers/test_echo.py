import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, collect
from penstock.process.loop import run
from penstock.providers.echo import DIMENSIONS, SERVED, Echo, PacedFrames, count, vector
from penstock.wire.json import fill
from penstock.wire.operations import OPERATIONS
from penstock.wire.sse import EventSplitter
from tests.core.conformance import Judge, timers
from tests.support.targets import exchange as new_exchange

BY_NAME = {operation.name: operation for operation in OPERATIONS}
SAID = "tell me a story"


def request(name: str, text: str, **more: Any) -> dict[str, Any]:
    if name == "responses":
        return {"model": "echo", "input": text, **more}
    if name == "completions":
        return {"model": "echo", "prompt": text, **more}
    limit = {"max_tokens": 100} if name == "messages" else {}
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **limit, **more}


def send(name: str, body: Any, echo: Echo | None = None) -> tuple[Reply, Exchange]:
    one = new_exchange("echo", BY_NAME[name])
    call = one.call
    fill(call, body if isinstance(body, bytes) else json.dumps(body).encode())
    return run((echo or Echo()).send(one, "echo")), one


def whole(name: str, body: Any) -> Any:
    reply, _ = send(name, body)
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def events(name: str, body: dict[str, Any], *, usage_passes: bool = False) -> list[bytes]:
    async def gather() -> bytes:
        one = new_exchange("echo", BY_NAME[name])
        one.usage_passes = usage_passes
        one.call.body = json.dumps(body).encode()
        one.call.stream, one.call.usage_wanted = True, "stream_options" in body
        one.call.max_tokens = body.get("max_tokens")
        reply = await Echo().send(one, "echo")
        assert reply.events
        return await collect(reply.body, 1 << 20)

    data = run(gather())
    assert EventSplitter().feed(data) == data, "whole events only"
    return [line[6:] for line in data.splitlines() if line.startswith(b"data: ")]


def test_it_serves_what_it_says() -> None:
    served = {one.name for one in OPERATIONS if Echo().serves(new_exchange("echo", one).call)}
    assert served == SERVED


def test_chat_answers_with_what_the_user_said_last() -> None:
    body = {
        "model": "echo",
        "messages": [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "reply"},
            {"role": "user", "content": [{"type": "text", "text": SAID}]},
        ],
    }
    answer = whole("chat", body)
    assert answer["choices"][0]["message"]["content"] == SAID
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chat", lambda answer: answer["choices"][0]["message"]["content"]),
        ("completions", lambda answer: answer["choices"][0]["text"]),
        ("messages", lambda answer: answer["content"][0]["text"]),
        ("responses", lambda answer: answer["output"][0]["content"][0]["text"]),
    ],
)
def test_each_dialect(name: str, said: Any) -> None:
    assert said(whole(name, request(name, SAID))) == SAID


def test_streams_say_the_same_as_whole_answers() -> None:
    chat = [json.loads(event) for event in events("chat", request("chat", SAID, stream=True))[:-1]]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in chat) == SAID
    completions = events("completions", request("completions", SAID, stream=True))
    assert completions[-1] == b"[DONE]"
    assert "".join(json.loads(event)["choices"][0]["text"] for event in completions[:-1]) == SAID
    messages = [json.loads(event) for event in events("messages", request("messages", SAID, stream=True))]
    assert "".join(event["delta"]["text"] for event in messages if event["type"] == "content_block_delta") == SAID
    assert messages[-1]["type"] == "message_stop"
    responses = [json.loads(event) for event in events("responses", request("responses", SAID, stream=True))]
    deltas = [event["delta"] for event in responses if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == SAID


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_comes_with_a_stream_when_it_is_asked_for(wanted: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    chunks = [json.loads(event) for event in events("chat", request("chat", SAID, stream=True, **options))[:-1]]
    assert bool(chunks[-1].get("usage")) == wanted


def test_usage_comes_as_well_where_a_room_above_withholds_it() -> None:
    told = events("chat", request("chat", SAID, stream=True), usage_passes=True)
    assert json.loads(told[-2])["usage"]["completion_tokens"]


def test_a_limit_of_tokens_cuts_and_says_so() -> None:
    answer = whole("chat", request("chat", SAID, max_tokens=2))
    assert answer["choices"][0]["message"]["content"].split() == ["tell", "me"]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert whole("messages", request("messages", SAID) | {"max_tokens": 1})["stop_reason"] == "max_tokens"


def test_the_same_question_has_the_same_answer() -> None:
    first, second = (send("chat", request("chat", SAID))[0].body for _ in range(2))
    assert first == second
    assert first != send("chat", request("chat", SAID + "!"))[0].body


def test_tokens_are_noted_for_the_rooms() -> None:
    reply, one = send("chat", request("chat", SAID))
    assert isinstance(reply.body, bytes)
    usage = json.loads(reply.body)["usage"]
    assert (one.tokens_in, one.tokens_out) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert one.tokens_in > 0


def test_embeddings_are_unit_vectors_that_depend_on_the_text_alone() -> None:
    answer = whole("embeddings", {"model": "echo", "input": ["a", "b", "a"]})
    vectors = [item["embedding"] for item in answer["data"]]
    assert vectors[0] == vectors[2] != vectors[1]
    assert len(vectors[0]) == DIMENSIONS
    assert sum(number * number for number in vectors[0]) == pytest.approx(1.0)
    packed = whole("embeddings", {"model": "echo", "input": "a", "encoding_format": "base64", "dimensions": 8})
    floats = struct.unpack("<8f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(floats) == pytest.approx(vector("a", 8))


@pytest.mark.parametrize(("inputs", "dimensions"), [(17_000, 64), (17, 65_536)])
def test_nobody_waits_for_more_vectors_than_a_trial_needs(inputs: int, dimensions: int) -> None:
    with pytest.raises(CallerError, match="at most") as caught:
        send("embeddings", {"model": "echo", "input": ["a"] * inputs, "dimensions": dimensions})
    assert caught.value.status == 400


def test_tokens_may_be_counted_beforehand() -> None:
    told = whole("count_tokens", request("messages", SAID))
    assert told["input_tokens"] > 0


@pytest.mark.parametrize("body", [b'{"model":"echo"}', b'{"model":"echo","messages":"x"}'])
def test_where_nothing_was_said_it_says_little(body: bytes) -> None:
    assert whole("chat", body)["choices"][0]["message"]["content"] in ("", "x")


def test_embeddings_of_nothing_are_the_callers_fault() -> None:
    with pytest.raises(CallerError) as caught:
        send("embeddings", b'{"model":"echo"}')
    assert caught.value.status == 400


@given(st.text(max_size=60))
def test_any_text_comes_back_whole(text: str) -> None:
    answer = whole("chat", request("chat", text))
    assert answer["choices"][0]["message"]["content"] == text
    assert answer["usage"]["completion_tokens"] >= count(text)


def test_a_pace_is_kept() -> None:
    with timers() as loop:
        source = PacedFrames(iter([b"a", b"b"]), 0.5)
        judge = Judge(source)
        judge.do("start")
        assert judge.frames == [b"a"]
        loop.fire()
        assert judge.frames == [b"a", b"b"]
        judge.do("cancel")
        assert all(timer.cancelled for timer in loop.waiting)


def test_a_configured_pace_reaches_the_stream() -> None:
    async def main() -> str:
        one = new_exchange("echo", BY_NAME["chat"])
        one.call.body, one.call.stream = json.dumps(request("chat", SAID)).encode(), True
        return repr((await Echo(tokens_per_second=50).send(one, "echo")).body)

    assert "0.02 s" in run(main())

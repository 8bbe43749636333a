import json

from openai.types import Completion

from penstock.wire.counts import Usage
from penstock.wire.openai_completions import completion, stream
from penstock.wire.sse import DONE, parse

USAGE = Usage(20, 3, 8)


def test_a_whole_answer_is_what_the_sdk_expects():
    answer = Completion.model_validate_json(completion("id-1", "m", 7, "hi", USAGE), strict=True)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("hi", "stop")
    assert answer.usage.prompt_tokens == 20


def test_a_streamed_answer_ends_with_its_finish_its_usage_and_done():
    frames = list(stream("id-1", "m", 7, ["he", "llo"], USAGE))
    assert frames.pop() == DONE
    *said, finished, told = [json.loads(event.data) for frame in frames for event in parse(frame)]
    assert "".join(chunk["choices"][0]["text"] for chunk in said) == "hello"
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in said)
    assert finished["choices"][0]["finish_reason"] == "stop"
    assert Completion.model_validate(finished).object == "text_completion"
    assert told["choices"] == []
    assert told["usage"]["total_tokens"] == 23


def test_usage_is_told_only_when_asked_for():
    assert not any(b'"usage"' in frame for frame in stream("i", "m", 1, ["a"]))

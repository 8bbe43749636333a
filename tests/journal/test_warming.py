import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.journal.patterns import Pattern
from penstock.journal.warming import (
    MOST_LINE_BYTES,
    PATHS,
    USUAL_OUTPUT_TOKENS,
    BadLine,
    Budget,
    Item,
    Prices,
    item_of_line,
    items_of_patterns,
)


def item(given: dict[str, Any], model: str | None = "m") -> Item:
    return item_of_line(json.dumps(given).encode(), 7, model)


def body(given: dict[str, Any], model: str | None = "m") -> Any:
    return json.loads(item(given, model).body)


def test_a_prompt_becomes_a_call_that_is_cached() -> None:
    made = item({"prompt": "hello", "max_tokens": 9})
    assert json.loads(made.body) == {
        "model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0, "max_tokens": 9,
    }  # fmt: skip
    assert (made.number, made.path, made.about, made.limit) == (7, "/v1/chat/completions", "hello", 9)


def test_messages_and_what_they_say_otherwise_are_kept() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    asked = {"messages": messages, "model": "own", "temperature": 0.5, "seed": 1}
    assert body(asked) == asked


def test_a_whole_body_is_sent_as_it_is_but_for_how_it_is_delivered() -> None:
    given = {"model": "x", "messages": [{"role": "user", "content": "u"}], "user": "a"}
    assert body({"body": given | {"stream": True, "stream_options": {}}}) == given


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("completions", {"prompt": "p", "temperature": 0}),
        ("embeddings", {"input": "p"}),
        ("responses", {"input": "p", "temperature": 0}),
        ("messages", {"messages": [{"role": "user", "content": "p"}], "max_tokens": 1024, "temperature": 0}),
    ],
)
def test_other_operations(operation: str, expected: dict[str, Any]) -> None:
    made = item({"operation": operation, "prompt": "p"})
    assert json.loads(made.body) == {"model": "m", **expected}
    assert made.path == PATHS[operation]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "is not JSON"), (b"[1]", "must be a JSON object"), (b'"a"', "must be a JSON object"),
        (b"{}", 'must have one of "prompt"'), (b'{"prompt":"a","messages":[]}', 'must have one of "prompt"'),
        (b'{"prompt":""}', '"prompt" must be text'), (b'{"prompt":7}', '"prompt" must be text'),
        (b'{"messages":"a"}', '"messages" must be a list'), (b'{"messages":[]}', '"messages" must be a list'),
        (b'{"body":[]}', '"body" must be an object'),
        (b'{"prompt":"a","operation":"files"}', '"operation" must be one of'),
        (b'{"prompt":"a","operation":["chat"]}', '"operation" must be one of'),
        (b'{"messages":[1],"operation":"embeddings"}', "cannot be asked of embeddings"),
        (b'{"prompt":"\xff"}', "is not"), (b'{"a":' + b"[" * 100_000, "is not JSON"),
        (b'{"prompt":"' + b"x" * MOST_LINE_BYTES + b'"}', "is longer than 8 MiB"),
    ],
)  # fmt: skip
def test_a_broken_line_is_told_what_is_wrong_with_it(line: bytes, told: str) -> None:
    with pytest.raises(BadLine, match=told.replace("[", r"\[")):
        item_of_line(line, 1, "m")


def test_a_model_is_needed() -> None:
    for nameless in ({"prompt": "a"}, {"prompt": "a", "model": ""}, {"prompt": "a", "model": 7}):
        with pytest.raises(BadLine, match="names no model"):
            item(nameless, None)
    assert body({"prompt": "a", "model": "own"})["model"] == "own"


NAMES = st.sampled_from(["prompt", "messages", "body", "operation", "model", "max_tokens"])
VALUES = st.none() | st.text() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())


@given(st.binary(max_size=200) | st.dictionaries(NAMES, VALUES).map(lambda value: json.dumps(value).encode()))
def test_any_line_is_a_call_or_told(line: bytes) -> None:
    with contextlib.suppress(BadLine):
        assert json.loads(item_of_line(line, 1, "m").body)["model"]


def test_prompts_of_patterns_are_asked_as_they_were() -> None:
    first, second = b'{"messages":[{"role":"user","content":"a"}],"model":"m"}', b'{"model":"m","prompt":"b"}'
    patterns = [
        Pattern("a", 5, "chat", "m", "s", [(4, first), (1, first)]),
        Pattern("b", 2, "completions", "m", "s", [(2, second)]),
        Pattern("c", 1, "images", "m", "s", [(1, second)]),
    ]
    made = items_of_patterns(patterns, 1)
    assert [(one.number, one.operation, json.loads(one.body)) for one in made] == [
        (1, "chat", json.loads(first)), (2, "completions", json.loads(second)),
    ]  # fmt: skip
    assert "temperature" not in json.loads(made[0].body)
    assert len(items_of_patterns(patterns, 9)) == 3


def usage(prompt: int, completion: int) -> bytes:
    return json.dumps({"usage": {"prompt_tokens": prompt, "completion_tokens": completion}}).encode()


NO_PRICES = Prices({})


def test_a_budget_of_tokens_counts_what_runs_and_what_was_used() -> None:
    budget = Budget(1000, None, NO_PRICES)
    call = item({"prompt": "x" * 400, "max_tokens": 300})  # about 100 of the prompt, and its frame
    first, second = budget.reserve(call), budget.reserve(call)
    assert first is not None
    assert second is not None
    assert budget.reserve(call) is None
    assert budget.outstanding
    budget.settle(first, usage(100, 50), "up")
    assert budget.tokens == 150
    third = budget.reserve(call)
    assert third is not None
    budget.settle(second, None, "")  # it came to nothing
    budget.settle(third, b"{}", "up")  # an answer that tells nothing
    assert budget.tokens == 150 + third[0]
    assert not budget.outstanding


def test_answers_without_a_limit_are_reserved_at_the_mean_so_far() -> None:
    budget = Budget(10**9, None, NO_PRICES)
    call = item({"prompt": "x"})
    first = budget.reserve(call)
    assert first is not None
    assert first[0] == call.prompt_tokens + USUAL_OUTPUT_TOKENS
    budget.settle(first, usage(10, 30), "")
    second = budget.reserve(call)
    assert second is not None
    assert second[0] == call.prompt_tokens + 30


def test_embeddings_have_no_answer_to_pay_for() -> None:
    call = item({"prompt": "x", "operation": "embeddings"})
    assert Budget(call.prompt_tokens, None, NO_PRICES).reserve(call) is not None


def test_a_budget_of_dollars_takes_an_unknown_upstream_for_the_dearest() -> None:
    prices = Prices.of({"a": {"price": {"input": 1.0, "output": 2.0}}, "b": {"price": {"input": 10.0, "output": 20.0}},
                        "c": {}, "d": {"price": None}})  # fmt: skip
    assert prices.dearest == (10.0, 20.0)
    budget = Budget(None, 0.05, prices)
    call = item({"prompt": "x" * 4000, "max_tokens": 1000})
    reserved = budget.reserve(call)
    assert reserved is not None
    assert reserved[1] == pytest.approx((call.prompt_tokens * 10 + 20_000) / 1e6)
    assert budget.reserve(call) is None
    budget.settle(reserved, usage(1000, 1000), "a@10.0.0.1:80")
    assert budget.dollars == pytest.approx(0.003)
    assert budget.reserve(call) is not None


def test_hostile_usage_does_not_make_a_budget_endless() -> None:
    budget = Budget(1000, None, NO_PRICES)
    call = item({"prompt": "x", "max_tokens": 10})
    reserved = budget.reserve(call)
    assert reserved is not None
    budget.settle(reserved, usage(-(10**9), -5), "")
    assert budget.tokens >= 0

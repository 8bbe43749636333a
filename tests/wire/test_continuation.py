from typing import Any

import msgspec
import pytest

from penstock.wire.continuation import INSTRUCTION, WAYS, continuation, several_choices

USER = {"role": "user", "content": "hi"}


def asked(operation: str, fields: dict[str, Any], text: str, tokens: int, way: str) -> dict[str, Any]:
    body = msgspec.json.encode({"model": "m", **fields})
    plan = continuation(operation, body, text, tokens, way)
    assert plan is not None
    made: dict[str, Any] = msgspec.json.decode(plan.body)
    return made


def test_prefill_is_a_last_message_of_the_assistant() -> None:
    made = asked("chat", {"messages": [USER], "temperature": 0}, "So far ", 2, "prefill")
    assert made == {"model": "m", "messages": [USER, {"role": "assistant", "content": "So far "}], "temperature": 0}


def test_it_joins_the_callers_own_last_words() -> None:
    own = {"role": "assistant", "content": "I say: ", "name": "x"}
    made = asked("chat", {"messages": [USER, own]}, "so", 1, "prefill")
    assert made["messages"][1:] == [own | {"content": "I say: so"}]
    parts = {"role": "assistant", "content": [{"type": "text", "text": "I"}]}
    made = asked("messages", {"messages": [USER, parts]}, "so", 1, "prefill")
    assert made["messages"][1]["content"][1:] == [{"type": "text", "text": "so"}]


def test_flags_for_servers_that_want_them() -> None:
    made = asked("chat", {"messages": [USER]}, "so", 1, "prefill_flagged")
    assert (made["continue_final_message"], made["add_generation_prompt"]) == (True, False)


def test_an_instruction_shows_the_answer_and_its_last_words() -> None:
    made = asked("chat", {"messages": [USER]}, "x" * 500 + " the end", 1, "instruction")
    assert made["messages"][1]["content"].endswith("the end")
    assert made["messages"][2]["role"] == "user"
    assert made["messages"][2]["content"].startswith(INSTRUCTION)
    assert len(made["messages"][2]["content"]) < len(INSTRUCTION) + 100


@pytest.mark.parametrize(("name", "left"), [("max_tokens", 7), ("max_completion_tokens", 7)])
def test_limits_shrink_by_what_is_out(name: str, left: int) -> None:
    assert asked("chat", {"messages": [USER], name: 10}, "so", 3, "prefill")[name] == left
    assert asked("chat", {"messages": [USER], name: 10}, "so", 30, "prefill")[name] == 1
    assert asked("chat", {"messages": [USER], name: 10}, "so", 3, "restart")[name] == 10


def test_space_at_the_end_is_not_shown_to_messages() -> None:
    plan = continuation("messages", msgspec.json.encode({"messages": [USER]}), "So far \n", 2, "prefill")
    assert plan is not None
    assert plan.unsent == " \n"
    assert msgspec.json.decode(plan.body)["messages"][-1]["content"] == "So far"


def test_a_prompt_grows() -> None:
    assert asked("completions", {"prompt": "a b"}, " c", 1, "prefill")["prompt"] == "a b c"
    assert asked("completions", {"prompt": ["a b"]}, " c", 1, "prefill")["prompt"] == "a b c"


@pytest.mark.parametrize("fields", [{"prompt": [1, 2]}, {"prompt": ["a", "b"]}, {"prompt": "a", "suffix": "z"}, {}])
def test_prompts_that_do_not_grow(fields: dict[str, Any]) -> None:
    body = msgspec.json.encode({"model": "m", **fields})
    assert continuation("completions", body, "x", 1, "prefill") is None
    assert continuation("completions", body, "x", 1, "restart") is not None


@pytest.mark.parametrize("field", [
    {"response_format": {"type": "json_schema", "json_schema": {}}}, {"guided_json": {}}, {"grammar": "root ::= x"},
])  # fmt: skip
def test_a_constrained_answer_can_only_begin_again(field: dict[str, Any]) -> None:
    body = msgspec.json.encode({"messages": [USER], **field})
    fitting = [way for way in WAYS if continuation("chat", body, "x", 1, way) is not None]
    assert fitting == ["restart"]


def test_plain_text_is_no_constraint() -> None:
    body = msgspec.json.encode({"messages": [USER], "response_format": {"type": "text"}})
    assert continuation("chat", body, "x", 1, "prefill") is not None


@pytest.mark.parametrize("last", ["hi", 5, None, [], {"role": "assistant", "content": 5}, {"role": 5, "content": "x"}])
def test_messages_that_nothing_can_be_joined_to(last: Any) -> None:
    """An upstream took them, whatever they are; that is no reason to fail here."""
    body = msgspec.json.encode({"messages": [USER, last]})
    fitting = [way for way in WAYS if continuation("chat", body, "x", 1, way) is not None]
    assert fitting == ["restart"]


def test_without_text_there_is_nothing_to_continue() -> None:
    assert continuation("chat", msgspec.json.encode({"messages": [USER]}), "", 0, "prefill") is None


@pytest.mark.parametrize(("field", "several"), [({}, False), ({"n": 1}, False), ({"n": None}, False), ({"n": 2}, True),
                                                ({"best_of": 2}, True), ({"echo": True}, True)])  # fmt: skip
def test_calls_for_several_answers(field: dict[str, Any], several: bool) -> None:
    assert several_choices(msgspec.json.encode({"model": "m", **field})) is several

"""Partitions: everything but the last user text, exactly."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.semantic.partition import partition
from penstock.cache.semantic.prompt import Prompt, prompt_of
from penstock.wire.asked import prefix

SYSTEM = "You are the assistant of a bank. " * 60


def of(
    text: str = "q", system: str = SYSTEM, scope: str = "key a", version: str = "v1", bound: bytes = b"", **more: Any
) -> bytes:
    fields = {
        "model": "m",
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}],
        **more,
    }
    found = prompt_of("chat", fields)
    assert isinstance(found, Prompt)
    return partition(prefix(b"secret", "chat", scope, bound), version, found.rest)


def test_the_question_is_no_part_of_it() -> None:
    assert of("how do I freeze my card?") == of("what is the capital of France?")


def test_two_system_prompts_never_share() -> None:
    assert of(system=SYSTEM) != of(system=SYSTEM + " ")
    assert of(system="Answer in French.") != of(system="Answer in Dutch.")


def test_whatever_shapes_the_answer_parts() -> None:
    others = [
        of(), of(scope="key b"), of(scope="all"), of(version="v2"), of(bound=b"confidential"), of(model="m2"),
        of(temperature=0), of(temperature=1), of(tools=[{"type": "function"}]), of(max_tokens=5), of(seed=1),
        of(response_format={"type": "json_object"}),
    ]  # fmt: skip
    assert len(set(others)) == len(others)


def test_history_parts() -> None:
    def with_history(said: str) -> bytes:
        turns = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": said},
            {"role": "user", "content": "q"},
        ]
        found = prompt_of("chat", {"messages": turns})
        assert isinstance(found, Prompt)
        return partition(b"s", "v", found.rest)

    assert with_history("yes") != with_history("no")


def test_the_order_of_members_does_not_part() -> None:
    assert of(temperature=0, seed=1) == of(seed=1, temperature=0)


PARTS = st.lists(st.text("ab \0ü", max_size=6), min_size=3, max_size=3)


@given(PARTS, PARTS)
def test_nothing_can_be_moved_from_one_part_into_the_next(a: list[str], b: list[str]) -> None:
    def made(parts: list[str]) -> bytes:
        return partition(prefix(b"s", "chat", parts[0], parts[1].encode()), parts[2], {})

    assert (made(a) == made(b)) == (a == b)


def test_another_secret_gives_another_digest() -> None:
    assert partition(prefix(b"1", "chat", "k", b""), "v", {}) != partition(prefix(b"2", "chat", "k", b""), "v", {})

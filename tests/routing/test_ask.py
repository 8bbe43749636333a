import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Operation
from penstock.routing.ask import BOUNDS, SHORT_BLOCK, Ask, chain
from tests.support.targets import CHAT, call


def asked(body: bytes, scope: str = "me", model: str = "m", operation: Operation = CHAT) -> Ask:
    """A call with ``body``, cut."""
    made = call(operation=operation)
    made.body = body
    ask = Ask(made, 0.0, model=model)
    ask.scope = scope
    ask.cut()
    return ask


def chat(*said: str, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": text} for text in said]
    return json.dumps({"model": "m", **fields, "messages": messages}).encode()


def common(one: Ask, other: Ask) -> int:
    """How many blocks from the first on are the same."""
    pairs = list(zip(one.blocks, other.blocks, strict=False))
    return next((depth for depth, (left, right) in enumerate(pairs) if left != right), len(pairs))


def test_a_longer_conversation_begins_with_the_blocks_of_the_shorter() -> None:
    short, long = asked(chat("a" * 3000)), asked(chat("a" * 3000, "b" * 3000))
    assert common(short, long) >= len(short.blocks) - 1 > 5
    assert len(long.blocks) > len(short.blocks)


def test_another_caller_or_model_shares_nothing() -> None:
    body = chat("a" * 3000)
    assert common(asked(body), asked(body)) == len(asked(body).blocks) > 0
    assert common(asked(body), asked(body, scope="you")) == 0
    assert common(asked(body), asked(body, model="other")) == 0


def test_what_stands_before_the_prompt_is_no_part_of_it() -> None:
    same = asked(chat("a" * 3000, temperature=0.5, user="someone"))
    assert common(same, asked(chat("a" * 3000))) == len(same.blocks) > 0


@pytest.mark.parametrize(
    ("name", "field"),
    [("chat", "messages"), ("messages", "messages"), ("completions", "prompt"), ("responses", "input")],
)
def test_each_operation_has_its_own_field(name: str, field: str) -> None:
    operation = Operation(name, "openai", f"/{name}")
    ask = asked(json.dumps({"model": "m", field: "x" * 1000}).encode(), operation=operation)
    assert len(ask.blocks) == 3
    assert not asked(json.dumps({"model": "m", "other": "x" * 1000}).encode(), operation=operation).blocks


def test_an_operation_without_a_prompt_has_no_blocks() -> None:
    ask = asked(b'{"messages": "' + b"x" * 1000, operation=Operation("embeddings", "openai", "/embeddings"))
    assert (list(ask.blocks), ask.size, ask.reach(0), ask.beginning()) == ([], 0, 0.0, b"")


@given(st.binary(max_size=12_000), st.binary(max_size=3000), st.binary(max_size=3000))
def test_equal_beginnings_and_only_they_have_equal_blocks(head: bytes, one: bytes, other: bytes) -> None:
    mark = b'"messages"'
    left, right = asked(mark + head + one), asked(mark + head + other)
    pairs = list(zip(one, other, strict=False))
    same = len(mark + head) + next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
    assert common(left, right) == sum(bound <= same for bound in BOUNDS)


@given(st.integers(0, 40_000))
def test_blocks_cover_all_but_less_than_a_block(size: int) -> None:
    ask = asked(b'"messages"'.ljust(size, b"x") if size >= 10 else b"x" * size)
    assert ask.size == (size if size > SHORT_BLOCK else 0)
    shares = [ask.reach(depth) for depth in range(len(ask.blocks) + 1)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] <= 1.0
    if ask.blocks:
        following = BOUNDS[len(ask.blocks)]
        assert BOUNDS[len(ask.blocks) - 1] <= size < following


def test_the_blocks_of_the_longest_prompt_are_bounded() -> None:
    ask = asked(b'"messages"' + b"x" * 5_000_000)
    assert len(ask.blocks) == len(BOUNDS)
    assert BOUNDS[-1] == 1024 * 1024
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert 0.0 < ask.reach(len(BOUNDS)) < 1.0


def test_the_salt_is_in_every_block() -> None:
    body = bytes(5000)
    assert not set(chain(body, 0, 1)) & set(chain(body, 0, 2))


def test_a_beginning_is_told_only_of_a_prompt_that_has_a_block() -> None:
    assert asked(chat("a" * 3000)).beginning() == chat("a" * 3000)[len('{"model": "m", ') :][:SHORT_BLOCK]
    assert asked(chat("short")).beginning() == b""


def test_blocks_differ_from_process_to_process_so_that_nobody_can_aim_at_them() -> None:
    script = "from penstock.routing.ask import chain; print(chain(bytes(300), 0, 0))"
    path = {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PATH": os.environ["PATH"]}
    told = {
        subprocess.run(
            [sys.executable, "-c", script], env={**path, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 2


def test_it_tells_its_state() -> None:
    assert repr(asked(chat("a" * 3000))).startswith("<Ask 0 tokens in 8 blocks")

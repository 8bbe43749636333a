"""The room, in front of a pipeline that the test wrote."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from penstock.cache.entry import Answer
from penstock.core.errors import CallerError
from penstock.core.reply import Reply, Whole
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from tests.support.cache_room import SSE, Rig
from tests.support.caching import JSON, answer, exchange, shelf
from tests.support.shared_store import FakeStore, Shared


def test_an_equal_call_is_answered_from_the_cache() -> None:
    rig = Rig()
    first, second = exchange(), exchange(user="someone else", metadata={"a": "b"})
    assert rig.ask(first)[1] == rig.ask(second)[1]
    assert rig.asked == 1
    assert (first.cache, second.cache) == ("miss", "hit-exact")
    reply, _ = rig.ask(exchange())
    fields = dict(reply.headers)
    assert fields[b"age"] == b"0"
    assert fields[b"x-penstock-saved-tokens"] == b"5"
    assert len(fields[b"x-penstock-cache-entry"]) == 32
    assert b"x-upstream" not in fields
    assert second.model == "m"
    assert second.upstream == ""
    assert second.tokens_in == 0  # nothing was used
    assert rig.shelf.counts.tokens_out == 4


@pytest.mark.parametrize(
    "other",
    [
        {"key": "key-2"}, {"model": "n"}, {"messages": []}, {"operation": "completions"}, {"tools": [{"name": "f"}]},
        {"headers": [(b"openai-beta", b"x")]}, {"headers": [(b"x-penstock-classification", b"internal")]},
        {"service_tier": "flex"}, {"temperature": 0.0, "seed": 4},
    ],
)  # fmt: skip
def test_another_question_is_another_question(other: dict[str, Any]) -> None:
    rig = Rig()
    rig.ask(exchange())
    one = exchange(**other)
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 2)


def test_a_changed_config_of_the_model_misses() -> None:
    rig = Rig()
    rig.ask(exchange())
    again = Rig(on=rig.shelf)
    again.shape = b"another upstream_model"
    one = exchange()
    again.ask(one)
    assert one.cache == "miss"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
@pytest.mark.parametrize("usage", [True, False])
def test_streams_and_whole_answers_stand_in_for_each_other(first: bool, second: bool, usage: bool) -> None:
    rig = Rig()
    rig.ask(exchange(stream=first))
    wants: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    one = exchange(stream=second, **wants)
    reply, body = rig.ask(one)
    assert (one.cache, rig.asked) == ("hit-exact", 1)
    assert reply.events is second
    said = "one two" if first else "answer 1"
    if second:
        assert body.endswith(b"data: [DONE]\n\n")
        events = [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"]) == said
        assert ("usage" in events[-1]) is usage
    else:
        told = json.loads(body)
        assert told["choices"][0]["message"]["content"] == said
        assert told["usage"]["completion_tokens"] == 2


def test_usage_that_only_the_first_caller_asked_for_is_kept_from_the_second() -> None:
    rig = Rig()
    rig.answer = lambda one: Reply(
        200, [*SSE], Whole(*openai_chat.stream("c", "m", 1, ["a"], Usage(3, 2))), events=True
    )
    rig.ask(exchange(stream=True, stream_options={"include_usage": True}))
    assert b'"usage"' not in rig.ask(exchange(stream=True))[1]
    told = rig.ask(exchange(stream=True, stream_options={"include_usage": True}))[1]
    assert told == b"".join(openai_chat.stream("c", "m", 1, ["a"], Usage(3, 2)))
    assert rig.asked == 1


@pytest.mark.parametrize(
    ("call", "cache"),
    [
        ({"temperature": 0.7}, "bypass"),
        ({"temperature": None}, "bypass"),
        ({"store": True}, "bypass"),
        ({"headers": [(b"x-penstock-classification", b"confidential")]}, "bypass"),
        ({"headers": [(b"x-penstock-cache", b"bypass")]}, "bypass"),
        ({"model": "unknown"}, ""),
        ({"operation": "images", "prompt": "x"}, ""),
    ],
)
def test_what_is_not_cached(call: dict[str, Any], cache: str) -> None:
    rig = Rig()
    for _ in range(2):
        one = exchange(**call)
        rig.ask(one)
        assert one.cache == cache
    assert rig.asked == 2
    assert len(rig.shelf.directory) == 0


def test_a_repeated_key_is_neither_kept_nor_answered_for() -> None:
    rig = Rig()
    for _ in range(2):
        one = exchange()
        one.call.body = b'{"model":"m","temperature":0,"messages":[],"top_p":1,"top_p":0.1}'
        rig.ask(one)
        assert one.cache == "bypass"
    assert rig.asked == 2


def test_bypass_does_not_look_refresh_does_not_look_but_keeps_only_does_nothing_else() -> None:
    rig = Rig()
    with pytest.raises(CallerError) as absent:
        rig.ask(exchange(headers=[(b"x-penstock-cache", b"only")]))
    assert (absent.value.status, absent.value.code) == (504, "not_cached")
    assert rig.asked == 0
    rig.ask(exchange())
    _, bypassed = rig.ask(exchange(headers=[(b"x-penstock-cache", b"bypass")]))
    assert b"answer 2" in bypassed
    assert b"answer 1" in rig.ask(exchange())[1]
    assert b"answer 3" in rig.ask(exchange(headers=[(b"x-penstock-cache", b"refresh")]))[1]
    assert b"answer 3" in rig.ask(exchange(headers=[(b"x-penstock-cache", b"only")]))[1]
    assert rig.asked == 3
    with pytest.raises(CallerError):
        rig.ask(exchange(temperature=1, headers=[(b"x-penstock-cache", b"only")]))
    for operation in ("moderations", "images"):  # of a kind whose answers are never kept
        with pytest.raises(CallerError) as never:
            rig.ask(exchange(operation=operation, headers=[(b"x-penstock-cache", b"Only")]))
        assert never.value.code == "not_cached"
    assert rig.asked == 3


def test_only_keys_that_may_write_leave_answers() -> None:
    rig = Rig(scope="all", writers=["key-1"])
    rig.ask(exchange(key="key-2"))
    assert len(rig.shelf.directory) == 0
    rig.ask(exchange(key="key-1"))
    one = exchange(key="key-2")
    rig.ask(one)
    assert one.cache == "hit-exact"


def test_a_wide_scope_is_shared_and_quarantine_waits_for_a_second_key() -> None:
    rig = Rig(scope="all", confirm=True)
    rig.answer = lambda one: Reply(200, [(b"content-type", JSON)], answer("same").data)
    told = []
    for key in ("a", "a", "b", "c"):
        one = exchange(key=key)
        rig.ask(one)
        told.append(one.cache)
    assert told == ["miss", "hit-exact", "miss", "hit-exact"]


def test_what_cannot_be_told_is_dropped_and_asked_for_anew() -> None:
    rig = Rig()
    rig.ask(exchange())
    (kept,) = rig.shelf.directory
    rig.shelf.tier.put(kept.id, Answer(JSON, b'{"choices":3}'))
    one = exchange(stream=True)
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 2)
    assert rig.shelf.directory.evicted["damaged"] == 1


def test_an_answer_in_the_store_is_read() -> None:
    state = Shared()
    first = Rig(on=shelf(FakeStore(state), me="one"))
    first.ask(exchange())
    second = Rig(on=shelf(FakeStore(state), me="two"))
    for row in state.logs["cache"]:
        second.shelf.take(row)
    one = exchange()
    assert b"answer 1" in second.ask(one)[1]
    assert (one.cache, second.asked) == ("hit-exact", 0)
    state.tables["cache_answers"].clear()
    third = Rig(on=shelf(FakeStore(state), me="three"))
    for row in state.logs["cache"]:
        third.shelf.take(row)
    one = exchange()
    third.ask(one)
    assert one.cache == "miss"


def test_of_equal_calls_at_once_one_answer_is_kept() -> None:
    rig = Rig()

    async def main() -> None:
        calls = [exchange() for _ in range(5)]
        replies = [await rig.room(one, rig.next) for one in calls]
        for one, reply in zip(calls, replies, strict=True):
            one.status = reply.status
            one.finish("ok", 1001.0)

    rig.shelf.wall = iter(range(1_800_000_000, 1_900_000_000)).__next__  # type: ignore[assignment]
    asyncio.run(main())
    assert rig.shelf.counts.stores == {"kept": 1, "raced": 4}


def test_while_it_is_not_ready_calls_pass() -> None:
    rig = Rig()
    rig.ask(exchange())
    rig.shelf.ready = False
    one = exchange()
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 2)


def test_rooms_below_are_told_of_equal_calls_of_one_key_only() -> None:
    for scope, told in (("key", True), ("all", False)):
        one = exchange()
        Rig(scope=scope).ask(one)
        assert (one.asked is not None) is told

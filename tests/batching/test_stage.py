"""Who goes with whom, what each caller gets, and what passes."""

import asyncio
import json
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.priority import BATCH, HIGH
from penstock.core.reply import Reply
from tests.support.batches import JSON, Hall, answer_to, asking, in_hall
from tests.support.fibers import until
from tests.support.list_upstream import POISON, vector


def calls_for(first: Exchange, second: Exchange, **settings: Any) -> int:
    """Upstream calls for the two, made while another one is in flight."""
    made: list[int] = []

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead", operation=first.call.operation.name)
        ones = [hall.send(first), hall.send(second)]
        hall.let_go()
        await hall.gather(lead, *ones)
        made.append(len(hall.below) - 1)

    in_hall(act, **settings)
    return made[0]


@pytest.mark.parametrize("operation", ["embeddings", "moderations", "completions"])
def test_calls_with_the_same_parameters_are_one(operation: str) -> None:
    assert calls_for(asking("a", operation), asking(["b", "c"], operation)) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (asking("a", dimensions=8), asking("b", dimensions=9)),
        (asking("a", encoding_format="base64"), asking("b")),
        (asking("a", user="one"), asking("b", user="two")),
        (asking("a", key="one"), asking("b", key="two")),
        (asking("a"), asking("b", model="n")),
        (asking("a"), asking([1, 2])),
        (asking("a", headers=[(b"openai-beta", b"x")]), asking("b")),
        (asking("a", "completions", temperature=0), asking("b", "completions", temperature=1)),
        (asking(["a"], "completions", stream=True), asking("b", "completions", stream=True)),
        (asking("a", "completions", suffix="x"), asking("b", "completions", suffix="x")),
    ],
)
def test_others_are_not(first: Exchange, second: Exchange) -> None:
    assert calls_for(first, second) == 2


def test_scope_all_lets_keys_meet() -> None:
    assert calls_for(asking("a", key="one"), asking("b", key="two"), scope="all") == 1


def test_classes_of_priority_do_not_meet_and_the_highest_waits_for_nobody() -> None:
    low, normal = asking("a"), asking("b")
    low.priority = BATCH
    assert calls_for(low, normal) == 2
    first, second = asking("a"), asking("b")
    first.priority = second.priority = HIGH
    assert calls_for(first, second) == 2


def test_rerank_only_where_it_is_said() -> None:
    first, second = asking(["a"], "rerank", query="q"), asking(["b"], "rerank", query="q")
    assert calls_for(first, second) == 2


def test_rerank_of_one_query() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask(["x"], "rerank", query="q")
        one = hall.ask(["a", "bb", "ccc"], "rerank", query="q", top_n=2)
        two = hall.ask(["dd", "e"], "rerank", query="q")
        other = hall.ask(["dd", "e"], "rerank", query="another")
        hall.let_go()
        await hall.gather(lead, one, two, other)
        assert len(hall.below) == 3
        assert [row["index"] for row in one.told["results"]] == [2, 1]
        assert {row["index"]: row["document"]["text"] for row in two.told["results"]} == {0: "dd", 1: "e"}

    from penstock.batching.config import Rule

    in_hall(act, operations={"rerank": Rule(enabled=True)})


def test_a_lone_caller_is_not_held_and_its_bytes_pass() -> None:
    async def act(hall: Hall) -> None:
        hall.holds = False
        for number in range(5):
            exchange = asking(f"text {number}")
            asker = hall.send(exchange)
            assert asker.over  # nothing was waited for
            assert hall.below[-1] is exchange
            assert exchange.batch == ""

    in_hall(act)


def test_facts_of_each_caller() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        texts = ["one", "two words", "three whole words"]
        ones = [hall.ask(text) for text in texts]
        hall.let_go()
        await hall.gather(lead, *ones)
        merged = hall.below[1]
        assert merged.id.endswith(".batch1")
        assert json.loads(merged.call.body)["input"] == texts
        for text, one in zip(texts, ones, strict=True):
            exchange = one.exchange
            assert one.told["data"] == [{"object": "embedding", "index": 0, "embedding": vector(text)}]
            assert (exchange.upstream, exchange.attempts, exchange.model) == ("up", 1, "m")
            assert exchange.tokens_in == one.told["usage"]["prompt_tokens"]
            assert exchange.batch.startswith("b1; size=3; wait=")
            assert exchange.queued > 0
            assert exchange.waited > 0
        assert sum(one.exchange.tokens_in for one in ones) == 6

    in_hall(act)


def test_what_an_upstream_takes_for_something_else_is_asked_once_more_alone() -> None:
    def script(exchange: Exchange) -> Reply:
        reply = answer_to(exchange)
        told = json.loads(reply.body)  # type: ignore[arg-type]
        told["data"] = told["data"][:1]  # a server that knows no lists
        return Reply(200, list(JSON), json.dumps(told).encode())

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a"), hall.ask("b"), hall.ask(["c", "d"])]
        hall.let_go()
        await hall.gather(lead, *ones)
        assert [one.told["data"][0]["embedding"] for one in ones[:2]] == [vector("a"), vector("b")]
        fail = ones[2].fail
        assert isinstance(fail, UpstreamError)
        assert (fail.status, fail.code, fail.retryable) == (502, "upstream_mismatched", False)
        assert "1 results for 2 items" in fail.message
        assert len(hall.below) == 5
        hall.holds = True
        ones = [hall.ask("e"), hall.ask("f")]
        assert len(hall.below) == 7  # from now on each goes alone
        hall.let_go()
        await hall.gather(*ones)

    counts = in_hall(act, script).counts
    assert counts.batches == {("embeddings", "mismatched"): 1}
    assert counts.alone["embeddings", "unfit"] == 2


def test_large_calls_go_as_they_are() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        one = hall.ask(["a", "b"])
        two = hall.ask("long " * 100)
        assert hall.below[1] is one.exchange
        assert hall.below[2] is two.exchange
        hall.let_go()
        await hall.gather(lead, one, two)

    assert in_hall(act, max_items=2, max_bytes=200).counts.alone["embeddings", "large"] == 2


def test_a_full_account_lets_calls_go_alone() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a" * 50), hall.ask("b" * 50)]
        assert len(hall.below) == 2  # the first waits, for the second there is no room
        hall.let_go()
        await hall.gather(lead, *ones)

    assert in_hall(act, room=60).counts.alone["embeddings", "memory"] == 1


def test_what_it_turns_off_passes() -> None:
    from penstock.batching.config import Rule

    assert calls_for(asking("a"), asking("b"), models={"m": Rule(enabled=False)}) == 2
    assert calls_for(asking("a"), asking("b"), operations={"embeddings": Rule(enabled=False)}) == 2


def test_a_reload_while_calls_wait_leaves_them_to_what_they_began_with() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        old = [hall.ask("a"), hall.ask("b")]
        stage = hall.stage
        hall.reload(max_items=2)
        new = [hall.ask("c"), hall.ask("d")]  # a full batch
        assert json.loads(hall.below[-1].call.body)["input"] == ["c", "d"]
        hall.let_go()
        await hall.gather(lead, *old, *new)
        assert [one.told["data"][0]["embedding"] for one in old] == [vector("a"), vector("b")]
        assert all(window.idle for window in stage._windows.values())

    in_hall(act)


def test_a_poisonous_call_among_many() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask(f"secret{number}" if number != 40 else POISON) for number in range(63)]
        hall.let_go()
        await hall.gather(lead, *ones)
        for number, one in enumerate(ones):
            if number == 40:
                assert one.reply is not None
                assert one.reply.status == 400
                assert b"secret" not in one.reply.body  # type: ignore[operator]
            else:
                assert one.told["data"][0]["embedding"] == vector(f"secret{number}")

    counts = in_hall(act, max_items=64).counts
    assert counts.rejected == 1
    assert counts.splits == 6 or counts.splits == 5


def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.batching.stage.MOST_WINDOWS", 2)

    async def act(hall: Hall) -> None:
        ones = [hall.ask("a", dimensions=number + 1) for number in range(4)]
        assert hall.counts.alone["embeddings", "windows"] == 2
        hall.let_go()
        await hall.gather(*ones)
        again = hall.ask("a", dimensions=9)  # the others are idle, and forgotten
        await hall.gather(again)
        assert hall.counts.alone["embeddings", "windows"] == 2
        await until(lambda: len(hall.stage._windows) == 1)

    in_hall(act)


def test_other_operations_pay_nothing() -> None:
    async def act(hall: Hall) -> None:
        hall.holds = False
        hall.script = lambda exchange: Reply(200, list(JSON), b"{}")
        asker = hall.ask(..., "chat", messages=[])
        assert asker.over
        assert not hall.stage._windows
        await asyncio.sleep(0)

    in_hall(act)

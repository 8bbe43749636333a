import threading
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.cli import warm_run
from penstock.cli.caller import Caller
from penstock.cli.warm_run import BUDGET_SPENT, MOST_IN_ROW, Run, Source
from penstock.cli.warm_state import State
from penstock.journal.warming import Budget, Item, Prices, item_of_line
from tests.support.cached_gateway import CachedGateway, cached_gateway


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[CachedGateway]:
    monkeypatch.setattr(warm_run, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(warm_run, "_PAUSES", (0.01,))
    with cached_gateway() as gateway:
        yield gateway


class Rig:
    def __init__(self, gateway: CachedGateway, idle_below: int | None = 0, tokens: int | None = None) -> None:
        self.said: list[str] = []
        self.state = State(None, "")
        caller = Caller(gateway.url, "", 10.0)
        self.budget = Budget(tokens, None, Prices({}))
        self.run = Run(caller, caller, self.budget, self.state, self.said.append, idle_below=idle_below)

    def all(self, source: Source, concurrency: int = 5) -> Run:
        self.run.start(source, concurrency)
        assert self.run.ended.wait(20)
        return self.run


def prompts(*texts: str) -> Source:
    def made(number: int, text: str) -> Any:
        return lambda: item_of_line(f'{{"prompt": "{text}", "max_tokens": 5}}'.encode(), number, "m")

    return iter([(number, made(number, text)) for number, text in enumerate(texts, 1)])


def test_each_is_asked_once_and_counted(gateway: CachedGateway) -> None:
    rig = Rig(gateway)
    run = rig.all(prompts(*"abcdefghij"))
    assert (run.warmed, run.cached, run.failed, run.over) == (10, 0, 0, None)
    assert sorted(gateway.prompts()) == list("abcdefghij")
    again = Rig(gateway).all(prompts(*"abcdefghij"))
    assert (again.warmed, again.cached) == (0, 10)


def test_the_same_prompt_twice_is_asked_once(gateway: CachedGateway) -> None:
    run = Rig(gateway).all(prompts("a", "a", "a"), concurrency=1)
    assert (run.warmed, run.cached, len(gateway.asked)) == (1, 2, 1)


def test_what_is_done_is_passed_over(gateway: CachedGateway) -> None:
    rig = Rig(gateway)
    rig.state.mark(2, failed=False)
    run = rig.all(prompts("a", "b", "c"))
    assert (run.warmed, run.skipped, sorted(gateway.prompts())) == (2, 1, ["a", "c"])


def test_a_source_that_fails_ends_the_run_with_its_words(gateway: CachedGateway) -> None:
    def source() -> Any:
        yield from prompts("a")
        raise OSError("the disk is gone")

    run = Rig(gateway).all(source())
    assert str(run.over) == "the disk is gone"


def test_failures_in_a_row_end_it_and_a_success_between_them_does_not(gateway: CachedGateway) -> None:
    def script(body: dict[str, Any]) -> Any:
        bad = body["messages"][0]["content"].startswith("bad")
        return (500, {}, {"error": {"message": "no", "code": "x"}}) if bad else None

    gateway.script = script
    texts = ["bad"] * (MOST_IN_ROW - 1) + ["good"] + ["bad"] * (MOST_IN_ROW + 5)
    rig = Rig(gateway)
    run = rig.all(prompts(*texts), concurrency=1)
    assert (run.warmed, run.failed) == (1, 2 * MOST_IN_ROW - 1)
    assert "failed one after another" in str(run.over)
    assert len(rig.said) == run.failed


def test_a_budget_waits_for_what_calls_that_run_give_back(gateway: CachedGateway) -> None:
    gateway.usage = {"prompt_tokens": 1, "completion_tokens": 1}
    item: Item = item_of_line(b'{"prompt": "a", "max_tokens": 5}', 1, "m")
    rig = Rig(gateway, tokens=item.prompt_tokens + 5 + 6)  # one at a time, for each gives most of it back
    run = rig.all(prompts("a", "b", "c"))
    assert (run.warmed, run.over) == (3, None)
    spent = Rig(gateway, tokens=3)
    over = spent.all(prompts("d")).over
    assert over is not None
    assert (over.status, spent.budget.tokens) == (BUDGET_SPENT, 0)


def test_stopped_while_it_waits_nothing_is_asked_and_nothing_is_done(gateway: CachedGateway) -> None:
    gateway.others = 50
    rig = Rig(gateway)
    rig.run.start(prompts("a", "b"), 2)
    waited = threading.Event()
    for _ in range(2000):
        if rig.run.holding:
            break
        waited.wait(0.005)
    assert rig.run.holding == "holding: 50 other calls in flight"
    rig.run.stop()
    assert rig.run.ended.wait(10)
    assert (gateway.asked, rig.run.warmed, rig.state.is_done(1)) == ([], 0, False)
    assert rig.budget.tokens == 0
    assert not rig.budget.outstanding


def test_a_gateway_that_does_not_tell_its_load(gateway: CachedGateway) -> None:
    gateway.others = None  # type: ignore[assignment]
    over = Rig(gateway).all(prompts("a")).over
    assert "--any-time" in str(over)
    assert Rig(gateway, idle_below=None).all(prompts("a")).warmed == 1


def test_messages_are_asked_as_anthropics(gateway: CachedGateway) -> None:
    line = b'{"prompt": "a", "operation": "messages"}'
    run = Rig(gateway).all(iter([(1, lambda: item_of_line(line, 1, "m"))]))
    assert run.warmed == 1
    assert gateway.asked[0]["max_tokens"] == 1024

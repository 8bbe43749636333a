from pathlib import Path
from typing import Any

import pytest

from penstock.assemble_routes import MOST_TOLD, Routes
from penstock.config import Config
from penstock.core.errors import CallerError
from penstock.routing.record import Recorded
from penstock.routing.replay import parse
from penstock.routing.strategies import make_strategy
from penstock.routing.strategies.strategy import Shared
from penstock.routing.table import Entry
from penstock.routing.trial import Rules, Trial
from tests.support import pools
from tests.support.targets import ask, targets

FILE = """
upstreams: {a: {kind: echo}, b: {kind: echo}}
models: {m: {upstreams: [a, b], strategy: round_robin}}
"""


def config(observe: str = "{}") -> Config:
    return Config.parse(f"{FILE}observe: {observe}\n", "c.yaml", {})


def routes() -> tuple[Routes, Shared]:
    shared = Shared()
    return Routes(shared, lambda: 1.0, lambda: 2.0), shared


def entry(shared: Shared) -> Entry:
    return Entry("m", targets(1, 1), make_strategy("round_robin", shared))


def test_off_it_costs_nothing_for_it_is_not_there() -> None:
    made, shared = routes()
    one = entry(shared)
    strategy = one.strategy
    assert made.table([one], config()).find("m").strategy is strategy
    assert made.answer(made.table([one], config()), config(), {"last": 5}) == {"recording": False, "decisions": []}


def test_on_the_decisions_of_all_entries_are_kept_also_of_versions_on_trial(tmp_path: Path) -> None:
    made, shared = routes()
    recording = config(f"{{routes: 2, routes_file: {tmp_path}/r}}")
    made.follow(recording)
    one = entry(shared)
    one.trial = Trial(0.5, Rules(), shared.uniform)
    one.new = Entry("m", one.targets, make_strategy("round_robin", shared), old=one)
    table = made.table([one], recording)
    for version in (one, one.new, one):
        assert isinstance(version.strategy, Recorded)
        version.strategy.choose(version.targets, ask())
    told = made.answer(table, recording, {"last": MOST_TOLD * 2})
    assert told["recording"]
    assert [(row["entry"], row["chosen"], row["at"]) for row in told["decisions"]] == [
        ("m", "b", 2.0),
        ("m@canary", "a", 2.0),
    ]
    made.decisions.flush()
    assert [parse(line).entry for line in (tmp_path / "r").read_bytes().splitlines()] == ["m", "m@canary", "m"]


def test_a_call_is_explained_from_the_table() -> None:
    made, shared = routes()
    table = made.table([entry(shared)], config())
    told = made.answer(table, config(), {"body": '{"model": "m"}'})
    assert (told["strategy"], told["winner"], told["waits_for"]) == ("round_robin", "a", None)
    question: dict[str, Any] = {"body": '{"model": "x"}'}
    with pytest.raises(CallerError, match="does not exist"):
        made.answer(table, config(), question)


def test_a_call_of_a_pool_without_a_replica_is_told_to_wait_for_it() -> None:
    made, shared = routes()
    pooled = Config.parse(pools.config(least=0), "c.yaml", {})
    table = made.table([Entry("m", [], make_strategy("round_robin", shared))], pooled)
    told = made.answer(table, pooled, {"body": '{"model": "m"}'})
    assert (told["winner"], told["waits_for"]) == (None, "gpu")

import contextlib
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.routing.record import Decision, Recorded, snapshot
from penstock.routing.replay import BadRecord, account, parse, replay
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared
from tests.support.decisions import Fleet
from tests.support.targets import ask, targets


@pytest.mark.parametrize("name", STRATEGIES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), size=st.sampled_from([1, 2, 3, 8, 16, 17, 40]), calls=st.integers(1, 80))
def test_replayed_from_its_record_a_decision_is_the_same(name: str, seed: int, size: int, calls: int) -> None:
    kept: list[Decision] = []
    fleet = Fleet(seed, size)
    strategy = Recorded("m", name, make_strategy(name, fleet.shared), fleet.shared, kept.append, lambda: 1.0)
    fleet.serve(calls, strategy)
    for decision in kept:
        assert replay(decision) == decision.chosen
        read = parse(msgspec.json.encode(decision))
        assert read == decision
        assert replay(read) == decision.chosen


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_terms_are_those_that_the_strategy_gave(name: str) -> None:
    fleet = Fleet(3, 6)
    strategy = make_strategy(name, fleet.shared)
    fleet.serve(50, strategy)
    asked = fleet.ask()
    told = account(snapshot("m", name, strategy, fleet.shared, fleet.targets, asked))
    if strategy.prefix and asked.blocks:
        fleet.shared.prefixes.match(asked)
    terms = [strategy.terms(target, asked) for target in fleet.targets]
    assert [row["terms"] for row in told["candidates"]] == terms
    assert told["winner"] in [target.name for target in fleet.targets]
    assert told["largest_wins"] == strategy.largest
    for row in told["candidates"]:
        assert row["score"] is None if not row["terms"] else math.isclose(row["score"], sum(row["terms"].values()))


def decision(name: str = "adaptive") -> dict[str, Any]:
    shared = Shared()
    made: dict[str, Any] = msgspec.to_builtins(
        snapshot("m", name, make_strategy(name, shared), shared, targets(1, 1), ask())
    )
    return made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"candidates": []}, "candidates"),
        ({"strategy": "best"}, 'its strategy "best" is not known'),
        ({"turn": "x"}, "turn"),
        ({"now": None}, "now"),
        ({"strategy": "weighted_round_robin", "turn": 3}, "cannot be made again"),
        ({"draws": []}, "fewer draws"),
        ({"draws": [1e400]}, "not a recorded decision"),
        ({"beginning": "odd"}, "cannot be made again"),
    ],
)
def test_what_is_none_is_refused_in_words(change: dict[str, Any], said: str) -> None:
    line = msgspec.json.encode({**decision(), **change}).replace(b"null]", b"1e400]")
    with pytest.raises(BadRecord, match=said):
        replay(parse(line))


@pytest.mark.parametrize("field", ["weight", "capacity", "stays", "in_flight"])
@pytest.mark.parametrize("value", [-1, 10**9, 1.5, "1"])
def test_a_candidate_that_cannot_be(field: str, value: object) -> None:
    made = decision()
    made["candidates"][0][field] = value
    if value == 10**9 and field in ("weight", "capacity"):
        parse(msgspec.json.encode(made))
        return
    with pytest.raises(BadRecord, match=field):
        parse(msgspec.json.encode(made))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_decision_or_a_bad_record(data: bytes) -> None:
    with pytest.raises(BadRecord):
        parse(data)


@settings(deadline=None)
@given(
    st.sampled_from(list(STRATEGIES)),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    st.dictionaries(st.sampled_from(["waiting", "overdue"]), st.floats(-1e308, 1e308)),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.dictionaries(st.text(), st.integers(-5, 5))),
)
def test_a_record_with_odd_numbers_is_made_again_or_refused(
    name: str, draws: list[float], odd: dict[str, float], turn: Any
) -> None:
    made = decision(name) | {"draws": draws, "turn": turn}
    made["candidates"][0] |= odd
    with contextlib.suppress(BadRecord):
        assert replay(parse(msgspec.json.encode(made))) in ("a", "b")

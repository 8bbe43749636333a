from typing import Any

import msgspec
import pytest

from penstock.routing.ask import Ask
from penstock.routing.record import Decision, Recorded, snapshot
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared
from tests.support.decisions import Fleet
from tests.support.targets import ask, targets


def state(fleet: Fleet, strategy: Any) -> list[Any]:
    """All that a decision may lean on."""
    shared = fleet.shared
    return [
        [(t.name, t.in_flight, t.served, repr(t.load), repr(t.load.first), repr(t.load.gap)) for t in fleet.targets],
        dict(strategy.turn) if isinstance(getattr(strategy, "turn", None), dict) else getattr(strategy, "turn", None),
        dict(shared.sessions._known),
        dict(shared.prefixes._holders),
        fleet.random.getstate(),
    ]


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_snapshot_changes_nothing(name: str) -> None:
    fleet = Fleet(7, 20)
    strategy = make_strategy(name, fleet.shared)
    fleet.serve(60, strategy)
    before = state(fleet, strategy)
    for _ in range(5):
        asked = Ask(ask().call, fleet.now, session="a")
        asked.hits = {99: 1.0}
        snapshot("m", name, strategy, fleet.shared, fleet.targets, asked)
        assert asked.hits == {99: 1.0}
    assert state(fleet, strategy) == before


@pytest.mark.parametrize("name", STRATEGIES)
def test_recorded_it_chooses_as_it_would_have_chosen(name: str) -> None:
    plain, recorded = Fleet(11, 18), Fleet(11, 18)
    kept: list[Decision] = []
    bare = make_strategy(name, plain.shared)
    made = make_strategy(name, recorded.shared)
    watched = Recorded("m", name, made, recorded.shared, kept.append, lambda: 5.0)
    assert (watched.prefix, watched.largest) == (bare.prefix, bare.largest)
    plain.serve(200, bare)
    recorded.serve(200, watched)
    assert state(plain, bare) == state(recorded, watched)
    assert [t.served for t in plain.targets] == [t.served for t in recorded.targets]
    assert len(kept) == 200
    assert kept[0].at == 5.0
    assert all(decision.chosen for decision in kept)


def test_it_is_a_plain_object_without_prompt_or_key() -> None:
    kept: list[Decision] = []
    shared = Shared()
    fleet = targets(1, 2)
    watched = Recorded("m*", "round_robin", make_strategy("round_robin", shared), shared, kept.append, lambda: 0.0)
    asked = ask(session="key-1\0s", tokens=3.0)
    asked.call.body = b'{"messages": "the prompt' + b"x" * 300 + b'"}'
    asked.call.headers = [(b"authorization", b"Bearer sk-pen-secret")]
    assert watched.choose(fleet, asked).name == "a"
    text = msgspec.json.encode(kept[0])
    assert b"prompt" not in text
    assert b"secret" not in text
    plain = msgspec.to_builtins(kept[0])
    assert (plain["entry"], plain["strategy"], plain["turn"], plain["chosen"]) == ("m*", "round_robin", -1, "a")
    assert [candidate["weight"] for candidate in plain["candidates"]] == [1, 2]


def test_what_chance_said_is_noted_and_the_source_put_back_even_after_a_failure() -> None:
    kept: list[Decision] = []
    shared = Shared(uniform=lambda a, b: 1.5)
    watched = Recorded("m", "predictive", make_strategy("predictive", shared), shared, kept.append, lambda: 0.0)
    own = shared.uniform
    watched.choose(targets(1, 1, 1), ask())
    assert kept[0].draws == [1.5]
    assert shared.uniform is own

    class Failing:
        prefix = largest = False

        def choose(self, targets: Any, ask: Any) -> Any:
            raise ZeroDivisionError

        terms: Any = None

    with pytest.raises(ZeroDivisionError):
        Recorded("m", "x", Failing(), shared, kept.append, lambda: 0.0).choose(targets(1), ask())
    assert shared.uniform is own
    assert len(kept) == 1

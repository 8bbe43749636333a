"""The joined decision."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.verify.lexical import prepare
from penstock.cache.verify.model import NAMES, Prior
from penstock.cache.verify.rules import QUARANTINE, Rules
from penstock.cache.verify.spend import Budget
from penstock.cache.verify.verdict import REASONS, Near, Verdict
from penstock.cache.verify.verifier import Verifier


def trusting(factor: float = 20.0, bias: float = -10.0) -> Prior:
    """Believes in the cosine alone."""
    weights = [0.0] * len(NAMES)
    weights[0], weights[-1] = factor, bias
    return Prior(weights, [[1e-9 if a == b else 0.0 for a in range(len(NAMES))] for b in range(len(NAMES))])


def verifier(entries: Iterable[tuple[int, str]] = (), **rules: object) -> Verifier:
    made = Verifier(Rules(**rules), trusting())  # type: ignore[arg-type]
    for key, text in entries:
        made.place(key, prepare(text), "p")
    return made


OPEN = (1, "how do I open an account")
ASKED = prepare("how can I open an account")


def ask(made: Verifier, cosine: float = 0.95, text: str = "how can I open an account", **more: float) -> Verdict:
    return made.decide(prepare(text), [Near(1, cosine)], more.get("partition", "p"), more.get("uniform", 0.99))  # type: ignore[arg-type]


def test_near_is_a_hit_and_far_is_a_miss() -> None:
    made = verifier([OPEN])
    hit = ask(made)
    assert (hit.kind, hit.key, hit.reason) == ("hit", 1, "verified")
    assert hit.probability > 0.99
    assert ask(made, 0.5).reason == "budget"
    assert ask(made, 0.2).reason == "far"
    assert verifier().decide(ASKED, [], "p", 0.5).reason == "empty"


@pytest.mark.parametrize("cosine", [math.nan, math.inf, -math.inf, 1.5])
def test_a_cosine_that_is_no_number_is_a_miss(cosine: float) -> None:
    assert ask(verifier([OPEN]), cosine).reason == "unusable"
    assert verifier([OPEN]).decide(ASKED, [Near(1, 0.95), Near(2, cosine)], "p", 0.5).kind == "miss"


def test_an_empty_question_and_unknown_entries_are_misses() -> None:
    made = verifier([OPEN])
    assert ask(made, text="").reason == "unusable"
    assert ask(made, text=" ?! ").kind == "miss"
    assert made.decide(ASKED, [Near(99, 0.99)], "p", 0.5).reason == "empty"


def test_another_partition_has_no_part_in_it() -> None:
    made = verifier([OPEN])
    assert made.decide(ASKED, [Near(1, 0.99)], "another", 0.5).kind == "miss"


def test_a_veto_forbids_and_is_named() -> None:
    verdict = ask(verifier([(1, "pay 100 to the bank")]), text="pay 200 to the bank")
    assert (verdict.kind, verdict.reason) == ("miss", "veto")
    assert "numbers" in verdict.vetoes
    assert ask(verifier([(1, "pay 100 to the bank")], vetoes=()), text="pay 200 to the bank").kind == "hit"


def test_a_veto_is_lifted_where_it_is_verified_not_to_matter() -> None:
    made = verifier([(1, "wake me at 7")], lift=3)
    for number in range(3):
        asked = prepare(f"wake me at {number + 8}")
        verdict = made.decide(asked, [Near(1, 0.95)], "p", 0.9)
        assert verdict.reason == "veto"
        assert made.stored(verdict, 10 + number, asked, {1: True}) == 1
    assert made.decide(prepare("wake me at 5"), [Near(1, 0.95)], "p", 0.9).kind == "hit"


def test_the_random_number_decides_what_is_checked() -> None:
    made = verifier([OPEN])
    shadow = ask(made, uniform=0.0)
    assert shadow.kind == "shadow"
    assert 0 < shadow.sampling < 0.2
    assert ask(made, uniform=shadow.sampling).kind == "hit"


def test_the_less_safe_are_checked_more() -> None:
    made = verifier([OPEN])
    assert ask(made, 0.7).sampling > ask(made, 0.95).sampling


def test_a_miss_found_equal_becomes_another_key_of_the_group() -> None:
    made = verifier([OPEN])
    verdict = ask(made, 0.5)
    assert verdict.judge == (1,)
    assert made.stored(verdict, 2, ASKED, {1: True}) == 1
    assert made.stored(ask(made, 0.5), 3, ASKED, {1: False}) == 3
    assert made.stored(ask(made, 0.5), 4, ASKED, {1: None}) == 4
    made.place(5, ASKED, "p", group=1)
    assert {key for group in made.groups if group.id == 1 for key in group.keys} == {1, 2, 5}


def test_checks_are_history_and_a_group_wrong_again_and_again_is_no_longer_given() -> None:
    made = verifier([OPEN])
    assert made.checked(ask(made, uniform=0.0), True) == ()
    gone: tuple[object, ...] = ()
    for _ in range(QUARANTINE):
        assert gone == ()
        gone = made.checked(Verdict("shadow", "p", 1, 0.9, sampling=1.0), False)
    assert gone == (1,)
    assert ask(made).kind == "miss"


def test_feedback_that_it_was_wrong_removes_the_group() -> None:
    made = verifier([OPEN])
    made.place(2, ASKED, "p", group=1)
    assert made.told(1, True) == ()
    assert set(made.told(2, False)) == {1, 2}
    assert made.told(1, False) == ()
    assert ask(made).kind == "miss"


def test_wrong_hits_end_hits_in_all_and_come_back_on_evidence() -> None:
    made = verifier([OPEN])
    asked = 0
    while not made.status().stopped:
        verdict = ask(made, uniform=0.0)
        made.checked(Verdict("shadow", "p", 1, 0.99, sampling=verdict.sampling or 1.0), None)  # nobody can tell
        asked += 1
        assert asked < 500
    verdict = ask(made)
    assert (verdict.kind, verdict.reason, verdict.would_hit) == ("miss", "stopped", True)
    assert made.stopped().keys() == {"p"}
    asked = 0
    while made.status().stopped or made.status("p").stopped:
        verdict = ask(made)
        made.compared(verdict, {1: True})
        asked += 1
        assert asked < 5_000
    assert asked > 200
    assert ask(made).kind == "hit"


def test_one_partition_may_stop_alone() -> None:
    made = verifier([OPEN])
    made.place(2, ASKED, "good")
    for _ in range(200):
        for _ in range(40):
            made.decide(ASKED, [Near(2, 0.95)], "good", 0.9)
        ask(made)
        made.checked(Verdict("shadow", "p", 1, 0.99, sampling=0.5), False)
        if made.status("p").stopped:
            break
        made.groups.place(1, ASKED, "p")
    assert made.status("p").stopped
    assert not made.status().stopped
    assert made.decide(ASKED, [Near(2, 0.95)], "good", 0.9).kind == "hit"


def test_of_several_safe_answers_the_fresher_and_more_popular_is_given() -> None:
    made = verifier([OPEN, (2, "how do I open an account")])
    near = [Near(1, 0.95, age=90, ttl=100, uses=0), Near(2, 0.95, age=1, ttl=100, uses=50)]
    assert made.decide(ASKED, near, "p", 0.9).key == 2
    near = [Near(1, 0.999, age=90, ttl=100, uses=0), Near(2, 0.6, age=1, ttl=100, uses=10**6)]
    assert made.decide(ASKED, near, "p", 0.9).key == 1


def test_what_was_learned_survives_and_damage_changes_nothing() -> None:
    made = verifier([OPEN])
    for _ in range(40):
        made.compared(ask(made, 0.5), {1: True})
    kept = json.loads(json.dumps(made.dump()))
    other = verifier([OPEN])
    assert other.load(kept)
    assert other.status() == made.status()
    assert other.model.labels == 40
    for damage in ({"version": 99}, {"model": None}, {"spending": {}}, {"watch": {}}, {"stopped": 5}):
        fresh = verifier([OPEN])
        assert not fresh.load({**kept, **damage})
        assert fresh.model.labels == 0
    looser = verifier([OPEN], budget=Budget(0.05))
    assert looser.load(kept)
    assert looser.status().requests == 0


def test_a_partition_that_was_stopped_stays_so_after_a_new_start() -> None:
    made = verifier([OPEN])
    while not made.status("p").stopped:
        ask(made)
        made.checked(Verdict("shadow", "p", 1, 0.99, sampling=0.5), None)
    other = verifier([OPEN])
    assert other.load(made.dump())
    assert ask(other).reason == "stopped"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(allow_nan=True, allow_infinity=True), st.floats(-10, 1e9)), max_size=12
    ),
    st.text(max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_nothing_is_raised_for_odd_input(near: list[tuple[int, float, float]], text: str, uniform: float) -> None:
    made = verifier([(key, "open an account in town") for key in range(4)])
    asked = prepare(text)
    verdict = made.decide(asked, [Near(key, cosine, age) for key, cosine, age in near], "p", uniform)
    assert verdict.reason in REASONS
    assert verdict.kind == "miss" or verdict.key is not None
    made.stored(verdict, 9, asked, {0: True, 7: False})
    made.checked(verdict, True)

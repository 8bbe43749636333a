from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.attempts import FIRST_WAIT_SECONDS, LONGEST_ASKED_SECONDS, LONGEST_WAIT_SECONDS, Attempts, Step
from penstock.routing.capabilities import Capabilities, Fit
from penstock.routing.failure import KINDS, Failure
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask, call, target, targets


def entry(name: str, those: Sequence[Target], **known: Any) -> Entry:
    return Entry(name, those, make_strategy("round_robin"), capabilities=Capabilities(**known))


def attempts(one: Entry, *fallbacks: Entry, most: int = 2, fit: Fit | None = None) -> Attempts:
    others = [(other, other.pattern) for other in fallbacks]
    return Attempts(one, one.pattern, others, most, lambda low, high: high, fit)


def every(one: Entry) -> Sequence[Target]:
    return one.targets


def failed(kind: str, after: float | None = None) -> Failure:
    return Failure(KINDS[kind], after)


def names(step: Step | None) -> list[str]:
    return [] if step is None else [one.name for one in step.targets]


def test_another_upstream_is_asked_at_once() -> None:
    a, b = those = targets(1, 1)
    step = attempts(entry("m", those)).after(failed("overloaded"), a, every, 60, 0.0)
    assert step is not None
    assert (names(step), step.wait) == ([b.name], 0)


def test_the_same_is_asked_again_after_waits_that_double_from_a_bound() -> None:
    one = target("a")
    plan = attempts(entry("m", [one]), most=8)
    waits = [
        step.wait for _ in range(8) if (step := plan.after(failed("server_error"), one, every, 600, 0.0)) is not None
    ]
    assert waits[:3] == [FIRST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS, 4 * FIRST_WAIT_SECONDS]
    assert waits[-1] == LONGEST_WAIT_SECONDS
    assert plan.after(failed("server_error"), one, every, 600, 0.0) is None


def test_a_wait_is_never_shorter_than_asked_and_never_past_the_deadline() -> None:
    one = target("a")
    step = attempts(entry("m", [one])).after(failed("rate_limited", 3.0), one, every, 60, 0.0)
    assert step is not None
    assert step.wait == 3.0
    assert attempts(entry("m", [one])).after(failed("rate_limited", 3.0), one, every, 2.0, 0.0) is None
    too_long = LONGEST_ASKED_SECONDS + 1
    assert attempts(entry("m", [one])).after(failed("rate_limited", too_long), one, every, 600, 0.0) is None


def test_after_the_deadline_nobody_is_asked() -> None:
    a, b = entry("a", targets(1, 1)), entry("b", targets(1))
    assert not any(attempts(a, b).after(failed(kind), a.targets[0], every, 0.0, 0.0) for kind in KINDS)


def test_a_silent_upstream_is_not_asked_twice() -> None:
    assert attempts(entry("m", [one := target("a")])).after(failed("silent"), one, every, 60, 0.0) is None


def test_what_the_caller_must_mend_is_never_tried_again() -> None:
    those = targets(1, 1)
    larger = entry("larger", [target("l")])
    for kind in ("caller", "content_filter", "gateway"):
        assert attempts(entry("m", those), larger).after(failed(kind), those[0], every, 60, 0.0) is None


def test_a_context_that_is_too_long_goes_only_to_a_fallback() -> None:
    those = targets(1, 1)
    larger = entry("larger", [target("l")])
    step = attempts(entry("m", those), larger).after(failed("context_length"), those[0], every, 60, 0.0)
    assert names(step) == ["l"]
    assert attempts(entry("m", those)).after(failed("context_length"), those[0], every, 60, 0.0) is None


def test_fallbacks_follow_in_order_each_with_attempts_of_its_own() -> None:
    a, x, y = target("a"), target("x"), target("y")
    plan = attempts(entry("m", [a]), entry("first", [x]), entry("empty", []), entry("second", [y]), most=1)
    down, asked, at = failed("unreachable"), ["m"], a
    while (step := plan.after(down, at, every, 60, 0.0)) is not None:
        asked.append(step.asked)
        at = step.targets[0]
    assert asked == ["m", "m", "first", "first", "second", "second"]


def sized(context: int | None, name: str = "") -> Entry:
    return entry(name or f"of-{context}", [target(f"t-{name or context}")], context=context)


@pytest.mark.parametrize(
    ("own", "others", "asked"),
    [
        (None, [8000, None, 32000], ["of-8000", "of-32000", "of-None"]),
        (8000, [None, 4000, 8000, 32000], ["of-32000", "of-None"]),
        (8000, [16000, 32000], ["of-16000", "of-32000"]),
        (16000, [32000, 16000, 24000, None], ["of-32000", "of-None"]),
        (32000, [8000, 16000], []),
    ],
)
def test_a_prompt_that_was_too_long_goes_where_more_room_is_known(
    own: int | None, others: list[int | None], asked: list[str]
) -> None:
    """Each that is asked finds it too long, too: then none with no more room than that one is asked either."""
    one = sized(own, "own")
    plan = attempts(one, *map(sized, others), fit=Fit(call()))
    seen, at = [], one.targets[0]
    while (step := plan.after(failed("context_length"), at, every, 60, 0.0)) is not None:
        seen.append(step.asked)
        at = step.targets[0]
    assert seen == asked


def test_what_cannot_take_the_call_is_passed_over_and_told() -> None:
    one = call()
    one.body = b'{"model":"m","tools":[{"type":"function"}]}'
    a = target("a")
    blunt, able = entry("blunt", [target("x")], tools=False), entry("able", [target("y")], tools=True)
    plan = attempts(entry("m", [a]), blunt, able, most=0, fit=Fit(one))
    step = plan.after(failed("overloaded"), a, every, 60, 0.0)
    assert names(step) == ["y"]
    assert plan.note == "; of the fallbacks, 'blunt' takes no tools"
    assert plan.after(failed("overloaded"), target("y"), every, 60, 0.0) is None
    assert attempts(entry("m", [a])).note == ""


def test_the_version_that_is_to_be_replaced_is_asked_before_any_fallback_and_whatever_it_can() -> None:
    """It answers under the same name, with the same capabilities; whether these hold of the new one is on trial."""
    old, new = (entry("m", [target(name)], context=100, tools=False) for name in ("old", "new"))
    new.old = old
    one = call()
    one.body = b'{"model":"m","tools":[{"type":"function"}]}'
    for kind in ("context_length", "overloaded"):
        plan = attempts(new, old, sized(32000), fit=Fit(one))
        assert names(plan.after(failed(kind), new.targets[0], every, 60, 0.0)) == ["old"]
        assert plan.note == ""


def test_one_whose_room_was_too_small_is_told() -> None:
    plan = attempts(sized(8000, "own"), sized(4000))
    assert plan.after(failed("context_length"), target("t-own"), every, 60, 0.0) is None
    assert plan.note == "; of the fallbacks, 'of-4000' has room for 4000 tokens, which were too few"


def test_an_attempt_beside_another_is_spent_too() -> None:
    those = targets(1, 1, 1)
    plan = attempts(entry("m", those), most=2)
    plan.spend(failed("reset"), those[0])
    assert names(plan.after(failed("reset"), those[1], every, 60, 0.0)) == ["c"]
    assert plan.after(failed("silent"), those[2], every, 60, 0.0) is None


COUNTED = sorted(set(KINDS) - {"leaving"})
"""What is asked to go on elsewhere has not failed."""


@given(st.lists(st.sampled_from(COUNTED), max_size=40), st.integers(0, 5), st.integers(1, 4), st.integers(0, 3))
def test_attempts_are_bounded_whatever_fails(kinds: list[str], most: int, count: int, fallbacks: int) -> None:
    those = targets(*[1] * count)
    plan = attempts(entry("m", those), *(entry(f"f{n}", [target(f"f{n}")]) for n in range(fallbacks)), most=most)
    made, at = 1, those[0]
    for kind in kinds:
        step = plan.after(failed(kind), at, every, 60, 0.0)
        if step is None:
            break
        assert 0 <= step.wait < 60
        at = step.targets[0]
        made += 1
    assert made <= (1 + most) * (1 + fallbacks)


# ---- keys, budget, regions


def keyed(name: str, keys: int, region: str = "") -> Target:
    return Target(name, Upstream(name), keys=keys, region=region)


def rest(one: Target, key: int, kind: str = "rate_limited", after: float | None = None) -> None:
    one.keys.rest(key, kind, "m", 0.0, after)


def test_another_key_of_the_same_upstream_is_tried_at_once_and_is_no_further_attempt() -> None:
    one, other = keyed("a", 3), target("b")
    plan = attempts(entry("m", [one, other]), most=0)
    for key in (0, 1):
        rest(one, key)
        step = plan.after(failed("rate_limited"), one, every, 60, 0.0)
        assert names(step) == ["a"]
        assert step is not None
        assert step.wait == 0
    rest(one, 2)
    assert plan.after(failed("rate_limited"), one, every, 60, 0.0) is None


def test_keys_are_tried_once_each_even_if_they_never_rest() -> None:
    one = keyed("a", 3)
    plan = attempts(entry("m", [one]), most=0)
    assert [names(plan.after(failed("auth"), one, every, 60, 0.0)) for _ in range(3)] == [["a"], ["a"], []]


def test_one_whose_keys_rest_for_this_model_is_not_tried_while_another_is_there() -> None:
    a, b, c = keyed("a", 1), keyed("b", 1), keyed("c", 1)
    rest(b, 0)
    step = attempts(entry("m", [a, b, c])).after(failed("reset"), a, every, 60, 0.0)
    assert names(step) == ["c"]


def test_the_wait_is_never_shorter_than_the_rest_of_the_key() -> None:
    one = keyed("a", 1)
    rest(one, 0, after=7.0)
    step = attempts(entry("m", [one])).after(failed("rate_limited"), one, every, 60, 0.0)
    assert step is not None
    assert step.wait == 7.0


def test_a_step_chooses_among_those_with_a_key_that_does_not_rest() -> None:
    a, b = keyed("a", 1), keyed("b", 1)
    rest(a, 0, after=9.0)
    step = Step(entry("m", [a, b]), "m", [a, b])
    assert {step.choose(ask(now=1.0)).name for _ in range(4)} == {"b"}
    rest(b, 0, after=5.0)
    assert step.choose(ask(now=1.0)).name == "b", "which waits least"
    assert {step.choose(ask(now=9.0)).name for _ in range(4)} == {"a", "b"}


def test_after_its_wait_a_step_has_only_those_that_may_be_asked() -> None:
    a, b = keyed("a", 1), keyed("b", 1)
    step = Step(entry("m", [a, b]), "m", [a, b], 1.0)
    assert names(step.still(0.1, [a])) == ["a"], "b was taken away meanwhile"
    for _ in range(5):
        a.health.ill(0.0)
    still = step.still(0.1, [a, b])
    assert names(still) == ["b"]
    for _ in range(5):
        b.health.ill(0.0)
    assert step.still(0.1, [a, b]) is None
    assert names(step.still(1.0, [a, b])) == ["a", "b"], "both wait for a trial"


def test_where_a_wait_was_in_vain_whoever_can_serve_by_now_is_asked() -> None:
    a, b, f = target("a"), target("b"), target("f")
    one, larger = entry("m", [a, b]), entry("larger", [f])
    plan = attempts(one, larger)
    assert names(plan.instead(lambda entry: [b] if entry is one else [f], 1.0)) == ["b"]
    assert names(plan.instead(lambda entry: [] if entry is one else [f], 1.0)) == ["f"]
    assert plan.instead(lambda entry: [], 1.0) is None


def test_a_spent_budget_ends_it_but_a_fallback_is_no_retry() -> None:
    a, b, f = target("a"), target("b"), target("f")
    one, larger = entry("m", [a, b]), entry("larger", [f])
    one.budget.share = 0.0
    plan = attempts(one, larger)
    step = plan.after(failed("reset"), a, every, 60, 0.0)
    assert names(step) == ["f"]
    assert one.budget.refused == 1
    assert plan.after(failed("reset"), f, every, 60, 0.0) is not None, "it has a budget of its own"


def test_data_stays_in_its_regions_whichever_model_answers() -> None:
    a, outside, inside = keyed("a", 1, "eu"), keyed("o", 1, "us"), keyed("i", 1, "eu")
    one = Entry("m", [a, outside], make_strategy("round_robin"), regions=frozenset({"eu"}))
    assert [one.name for one in one.targets] == ["a"]
    abroad, mixed = entry("abroad", [outside]), entry("mixed", [outside, inside])
    plan = attempts(one, abroad, mixed, most=1)
    assert names(plan.after(failed("silent"), a, every, 60, 0.0)) == ["i"]
    assert plan.after(failed("silent"), inside, every, 60, 0.0) is None


def test_after_the_nearest_the_next_region_is_tried() -> None:
    a, b, c = keyed("a", 1, "near"), keyed("b", 1, "far"), keyed("c", 1, "far")
    one = Entry("m", [b, a, c], make_strategy("round_robin"), nearness=("near", "far"))
    plan = attempts(one)
    assert names(plan.after(failed("reset"), b, every, 60, 0.0)) == ["a"]
    assert names(plan.after(failed("reset"), a, every, 60, 0.0)) == ["c"]


def test_a_call_goes_near_where_it_should_if_that_one_may_be_chosen_and_has_room() -> None:
    those = targets(1, 1, 1)
    step = Step(entry("m", those), "m", those)
    wanted = ask()
    wanted.near = "c"
    assert {step.choose(wanted).name for _ in range(4)} == {"c"}
    assert Step(step.entry, "m", those[:2]).choose(wanted).name in ("a", "b")
    those[2].in_flight = those[2].capacity
    assert {step.choose(wanted).name for _ in range(4)} == {"a", "b", "c"}

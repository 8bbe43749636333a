import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Operation
from penstock.routing.candidates import Candidates
from penstock.routing.failure import KINDS, Failure
from penstock.routing.health import HealthRules
from penstock.routing.seats import ill, well
from penstock.routing.targets import Changes, Target
from tests.support.targets import CHAT, Upstream, ask, call, exchange

FILES = Operation("files", "openai", "/files", body="opaque", needs_model=False)
REGIONS = ("near", "far")


def targets(*regions: str) -> list[Target]:
    """Named a, b, c, …; one for each region."""
    changes, rules = Changes(), HealthRules()
    names = [chr(ord("a") + number) for number in range(len(regions))]
    return [
        Target(name, Upstream(name), region=region, changes=changes, rules=rules)
        for name, region in zip(names, regions, strict=True)
    ]


def names(those: list[Target]) -> str:
    return "".join([one.name for one in those])


def able(made: Candidates, now: float = 0.0, operation: Operation = CHAT) -> str:
    return names(made.able(call(operation=operation), now))


def fail(one: Target, now: float = 0.0, kind: str = "reset", times: int = 5) -> None:
    for _ in range(times):
        made = exchange()
        one.take_seat(made, ask(now=now))
        ill(made, Failure(KINDS[kind]), now)
        made.finish("ok", now)


def sicken(one: Target, now: float = 0.0) -> None:
    for _ in range(3):
        one.health.probed("silent", False, now, 3)


def test_the_list_is_kept_while_nothing_changes() -> None:
    those = targets("", "")
    made = Candidates(those)
    first = made.able(call(), 0.0)
    assert made.able(call(), 1e9) is first
    those[0].drain()
    assert able(made, 1e9) == "b"


def test_one_without_the_operation_is_passed_over() -> None:
    one = Target("a", Upstream("a", serves=False))
    made = Candidates([one])
    assert able(made) == ""
    assert made.having(call()) == []


def test_where_all_drain_they_still_serve() -> None:
    those = targets("", "")
    for one in those:
        one.drain()
    assert able(Candidates(those)) == "ab"


def test_one_that_drains_serves_when_nobody_else_is_well() -> None:
    those = targets("", "")
    those[0].drain()
    fail(those[1])
    assert able(Candidates(those)) == "a"


def test_one_whose_breaker_opened_is_left_out_until_its_time() -> None:
    those = targets("", "", "")
    made = Candidates(those)
    assert able(made) == "abc"
    fail(those[1])
    assert able(made) == "ac"
    opened = those[1].health.breaker.until
    assert able(made, opened - 0.001) == "ac"
    assert able(made, opened) == "b", "the next call is the trial"
    assert names(made.spare(call(), opened)) == "ac", "but no second attempt is"


def test_exactly_one_call_is_the_trial() -> None:
    those = targets("", "", "")
    made = Candidates(those)
    fail(those[1])
    now = those[1].health.breaker.until
    trial = exchange()
    made.able(call(), now)[0].take_seat(trial, ask(now=now))
    assert [able(made, now) for _ in range(3)] == ["ac", "ac", "ac"]
    well(trial, now + 1)
    assert able(made, now + 1) == "abc"


def test_a_call_that_cannot_be_made_again_is_not_the_trial() -> None:
    those = targets("", "")
    made = Candidates(those)
    fail(those[1])
    now = those[1].health.breaker.until
    assert able(made, now, FILES) == "a"
    fail(those[0], now)
    assert able(made, now, FILES) == "b", "unless there is nobody else"


def test_after_a_hang_the_trial_is_a_stream_for_a_while() -> None:
    those = targets("", "")
    made = Candidates(those)
    fail(those[1], kind="silent")
    now = those[1].health.breaker.until
    stream = call()
    stream.stream = True
    assert able(made, now) == "a"
    assert names(made.able(stream, now)) == "b"
    assert able(made, those[1].health.wary_until) == "b", "where nobody streams it comes back all the same"
    those[1].health.probed("well", True, now, 3)
    assert able(made, now) == "b", "it has answered since"


def test_a_single_one_that_is_open_leaves_nobody() -> None:
    (one,) = those = targets("")
    made = Candidates(those)
    fail(one)
    assert able(made) == ""
    assert names(made.spare(call(), 0.0)) == ""
    assert able(made, one.health.breaker.until) == "a"


def test_suspicions_are_set_aside_when_they_concern_more_than_half() -> None:
    those = targets("", "", "", "")
    made = Candidates(those)
    for one in those[:2]:
        sicken(one)
    assert able(made) == "cd"
    sicken(those[2])
    assert able(made) == "abcd"


def test_but_an_open_breaker_is_heeded_all_the_same() -> None:
    those = targets("", "", "")
    made = Candidates(those)
    sicken(those[0])
    fail(those[1])
    fail(those[2])
    assert able(made) == "a"


def test_one_whose_keys_all_rest_is_left_out_until_the_first_is_back() -> None:
    those = targets("", "")
    made = Candidates(those)
    assert able(made) == "ab"
    fail(those[0], kind="auth", times=1)
    assert able(made) == "b"
    assert able(made, 5.0) == "ab"


def test_the_share_of_one_that_comes_back_grows_without_anybody_asking() -> None:
    those = targets("", "")
    made = Candidates(those)
    fail(those[0])
    now = those[0].health.breaker.until
    trial = exchange()
    made.able(call(), now)[0].take_seat(trial, ask(now=now))
    well(trial, now)
    pulls = []
    for second in range(12):
        made.able(call(), now + second + 0.5)
        pulls.append(those[0].pull)
    assert pulls == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0])
    assert those[1].pull == 1


# ---- regions


def test_the_nearest_region_serves() -> None:
    those = targets("far", "near", "elsewhere", "near", "")
    made = Candidates(those, REGIONS)
    assert able(made) == "bd"
    assert names(made.spare(call(), 0.0)) == "abcde"
    assert names(made.nearest(those)) == "bd"
    assert names(made.nearest([those[0], those[2]])) == "a"


def test_without_an_order_all_are_near() -> None:
    assert able(Candidates(targets("far", "near"))) == "ab"


def test_the_next_region_helps_when_the_nearest_is_more_than_half_down() -> None:
    those = targets("near", "near", "near", "far", "elsewhere")
    made = Candidates(those, REGIONS)
    fail(those[0])
    assert able(made) == "bc"
    fail(those[1])
    assert able(made) == "cd"
    fail(those[2])
    fail(those[3])
    assert able(made) == "e"


def test_a_trial_in_a_far_region_waits_for_a_need_of_it() -> None:
    those = targets("near", "far")
    made = Candidates(those, REGIONS)
    fail(those[1])
    now = those[1].health.breaker.until
    assert able(made, now) == "a"
    fail(those[0], now)
    assert able(made, now) == "b"


EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["fail", "sicken", "cure", "drain", "auth", "wait"]), st.floats(0, 9)),
    max_size=40,
)


@given(EVENTS, st.sampled_from([(), REGIONS]))
def test_whatever_happens_it_is_as_if_made_anew(events: list[tuple[int, str, float]], regions: tuple[str, ...]) -> None:
    """The kept list equals a fresh one; nobody is in it whose breaker is open or of whom a trial is out; and as long as
    one is well, there is one."""
    those = targets("near", "near", "far", "far", "")
    made, now = Candidates(those, regions), 0.0
    for number, what, step in events:
        one = those[number]
        if what == "fail":
            fail(one, now)
        elif what == "sicken":
            sicken(one, now)
        elif what == "cure":
            one.health.probed("well", True, now, 3)
        elif what == "drain":
            one.drain(not one.draining)
        elif what == "auth":
            fail(one, now, "auth", 1)
        else:
            now += step
        got, spare = able(made, now), names(made.spare(call(), now))
        fresh = Candidates(those, regions)
        assert (got, spare) == (able(fresh, now), names(fresh.spare(call(), now)))
        assert all(one.standing(now) for one in those if one.name in got + spare)
        if any(one.usable(now) for one in those):
            assert got
            assert spare

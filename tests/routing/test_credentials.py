import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.credentials import LONGEST_ASKED_SECONDS, MOST_MODELS, PAUSES, Credentials


def test_keys_take_turns() -> None:
    keys = Credentials(3)
    assert [keys.take("m", 0.0) for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_one_that_was_refused_rests_for_all_models_and_the_others_serve() -> None:
    keys = Credentials(3)
    assert keys.rest(1, "auth", "m", 0.0) == PAUSES["auth"][0]
    assert [keys.take("other", 1.0) for _ in range(4)] == [0, 2, 0, 2]
    assert {keys.take("other", 5.0) for _ in range(3)} == {0, 1, 2}
    assert keys.at_rest(1.0) == 1
    assert keys.at_rest(6.0) == 0


def test_one_that_is_denied_rests_the_second_time_in_a_row() -> None:
    keys = Credentials(1)
    assert keys.rest(0, "denied", "m", 0.0) == 0.0
    keys.well(0)
    assert keys.rest(0, "denied", "m", 0.0) == 0.0
    assert keys.wait("m", 0.0) == 0.0
    assert keys.rest(0, "denied", "m", 0.0) > 0.0


def test_one_that_is_rate_limited_rests_for_its_model_alone_and_until_it_was_told() -> None:
    keys = Credentials(1)
    assert keys.rest(0, "rate_limited", "big", 0.0, 20.0) == 20.0
    assert keys.wait("big", 5.0) == 15.0
    assert keys.wait("small", 5.0) == 0.0
    assert keys.back() == 0.0, "the upstream can still be used"
    assert keys.wait("big", 20.0) == 0.0


def test_rests_double_until_the_key_is_good_again() -> None:
    keys, now, seconds = Credentials(1), 0.0, []
    for _ in range(9):
        seconds.append(keys.rest(0, "quota", "m", now))
        now += seconds[-1]
    assert seconds[:4] == [5.0, 10.0, 20.0, 40.0]
    assert seconds[-1] == PAUSES["quota"][1]
    assert keys.struck
    keys.well(0)
    assert not keys.struck
    assert keys.rest(0, "quota", "m", now) == 5.0


def test_of_calls_that_fail_together_the_first_one_counts() -> None:
    keys = Credentials(1)
    for _ in range(30):
        keys.rest(0, "rate_limited", "m", 0.0)
    assert keys.wait("m", 0.0) == PAUSES["rate_limited"][0]
    assert keys.rests == 1


def test_when_all_rest_the_first_to_be_back_says_when() -> None:
    keys = Credentials(2)
    keys.rest(0, "auth", "m", 0.0, 30.0)
    assert keys.back() == 0.0
    keys.rest(1, "quota", "m", 0.0, 10.0)
    assert keys.back() == 10.0
    assert keys.wait("m", 4.0) == 6.0


def test_what_an_upstream_asks_is_bounded_and_nothing_is_no_wish() -> None:
    keys = Credentials(1)
    assert keys.rest(0, "rate_limited", "m", 0.0, 1e9) == LONGEST_ASKED_SECONDS
    assert Credentials(1).rest(0, "rate_limited", "m", 0.0, 0.0) == PAUSES["rate_limited"][0]


def test_who_is_woken_a_little_early_need_not_wait_again() -> None:
    keys = Credentials(1)
    keys.rest(0, "rate_limited", "m", 0.0, 1.0)
    assert keys.wait("m", 0.995) == 0.0
    assert keys.wait("m", 0.9) == pytest.approx(0.1)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(sorted(PAUSES)), st.integers(0, 200), st.floats(0, 9))))
def test_models_remembered_are_bounded_and_a_key_that_may_be_used_is_found(
    rests: list[tuple[int, str, int, float]],
) -> None:
    keys, now = Credentials(3), 0.0
    for number, kind, model, step in rests:
        now += step
        keys.rest(number, kind, f"m{model}", now)
        taken = keys.take("m0", now)
        assert (keys._keys[taken].back("m0") <= now + 0.01) == (keys.wait("m0", now) == 0.0)
        assert all(len(key.models) <= MOST_MODELS for key in keys._keys)
        assert keys.resting >= max(key.back("m0") for key in keys._keys)

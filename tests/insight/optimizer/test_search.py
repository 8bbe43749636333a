from itertools import pairwise

from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer.search import LONGEST_COOLDOWN, OFTEN, PAUSE, Rest, Search


def search(key: str) -> Search:
    knob = knob_of(key)
    assert knob is not None
    return Search(knob)


def climb(one: Search, value: float, best: float, low: float, high: float) -> float:
    """Follow it where a step is good if it comes nearer to ``best``."""
    now = 0.0
    while (following := one.next(value, low, high)) is not None:
        if abs(following / best - 1) < abs(value / best - 1):
            one.kept(following, value)
            value = following
        else:
            one.failed(now, 1.0)
    return value


def test_it_ends_near_the_best_and_rests() -> None:
    one = search("batching.max_wait")
    assert abs(climb(one, 0.32, 0.011, 0.001, 0.4) / 0.011 - 1) < 0.2
    assert one.rests
    assert not one.ready(0.0)


def test_it_stays_within_its_bounds() -> None:
    one = search("admission.limit")
    assert climb(one, 40, 1000, 10, 300) == 300


def test_whole_numbers_move_by_one_at_least() -> None:
    one = search("upstreams.a.weight")
    assert one.next(1, 1, 100) == 2
    one.kept(2, 1)
    assert one.next(2, 1, 100) == 4


def test_shares_are_added_to_in_growing_steps() -> None:
    one = search("cache.semantic.max_error")
    assert one.next(0.01, 0.001, 0.5) == 0.015
    one.kept(0.015, 0.01)
    assert one.next(0.015, 0.001, 0.5) == 0.025


def test_failures_double_the_pause_and_harm_counts_twice() -> None:
    one = search("admission.limit")
    one.failed(0.0, 100.0)
    assert not one.ready(99.0)
    assert one.ready(100.0)
    one.failed(100.0, 100.0)
    assert not one.ready(299.0)
    one.kept(80, 40)
    one.next(80, 10, 1000)
    one.failed(300.0, 100.0, hurt=160)
    assert not one.ready(499.0)
    one.failures = 40
    one.failed(0.0, 100.0)
    assert one.cool_until == LONGEST_COOLDOWN


def test_what_hurt_is_not_tried_again_for_a_day_nor_what_lies_beyond() -> None:
    one = search("admission.limit")
    assert one.next(40, 10, 1000) == 80
    one.failed(0.0, 1.0, hurt=80)
    found = set()
    for _ in range(20):
        value = one.next(40, 10, 1000)
        if value is None:
            break
        found.add(value)
        one.failed(0.0, 1.0)
    assert max(found) < 80


def test_where_it_hurt_it_looks_again_though_it_rests_and_less_and_less_often() -> None:
    one = search("admission.limit")
    now = 0.0
    for pause in (LONGEST_COOLDOWN, 2 * LONGEST_COOLDOWN, 4 * LONGEST_COOLDOWN):
        assert one.next(40, 10, 1000) == 80
        one.failed(now, 1.0, hurt=80)
        while one.next(40, 10, 1000) is not None:
            one.failed(now, 1.0)
        assert one.rests
        one.ready(now + pause - 1)
        while (value := one.next(40, 10, 1000)) is not None:
            assert value < 80
            one.failed(now, 1.0)
        now += pause
        assert one.ready(now)
    assert one.next(40, 10, 1000) == 80
    one.kept(80, 40)
    assert one.next(80, 10, 1000) == 160
    one.failed(now, 1.0, hurt=160)
    while one.next(80, 10, 1000) is not None:
        one.failed(now, 1.0)
    assert one.ready(now + LONGEST_COOLDOWN), "what is good now is no sign of what hurt before"


def test_one_that_rests_looks_again_at_other_hours_and_then_less_and_less_often() -> None:
    one = search("admission.limit")
    looks, now = [], 0.0
    while now < 12 * LONGEST_COOLDOWN:
        if one.ready(now) and one.next(40, 10, 1000) is not None:
            looks.append((now, one.next(40, 10, 1000)))
            one.failed(now, 1.0)
        now += 600.0
    again = [at for at, value in looks if value == 20][1:]
    assert {value for at, value in looks if at >= PAUSE} == {20, 80}, "only the longest step"
    pauses = [round((later - earlier) / PAUSE) for earlier, later in pairwise(again)]
    assert pauses == [1] * (OFTEN - 1) + [4, 8, 16]


def test_after_many_steps_one_way_it_tries_half_the_way_back_at_another_hour() -> None:
    one = search("hedge.least_delay")
    value = 2.0
    for _ in range(6):
        following = one.next(value, 0.02, 4.0)
        assert following is not None
        one.kept(following, value)
        value = following
    assert one.ready(0.0)
    assert one.next(value, 0.02, 4.0) == 0.02
    one.failed(0.0, 60.0)
    assert one.ready(PAUSE)
    assert one.next(value, 0.02, 4.0) == 0.25
    one.kept(0.25, value)
    assert one.next(0.25, 0.02, 4.0) == 0.5, "and on, as far as it helps"


def test_half_the_way_back_failed_says_nothing_of_the_step_that_is_next() -> None:
    one = search("hedge.least_delay")
    for value in (1.0, 0.5, 0.25):
        one.next(value * 2, 0.02, 4.0)
        one.kept(value, value * 2)
    one.ready(0.0)
    one.ready(PAUSE)
    assert one.next(0.25, 0.02, 4.0) == 0.707
    one.failed(PAUSE, 60.0)
    assert one.next(0.25, 0.02, 4.0) != 0.707


def test_a_kept_step_that_is_lost_leaves_the_way_to_it_to_be_searched() -> None:
    one = search("timeouts.first_token")
    for value in (15.0, 7.5, 3.75):
        assert one.next(value * 2, 1.0, 60.0) == value
        one.kept(value, value * 2)
    while one.next(3.75, 1.0, 60.0) is not None:
        one.failed(0.0, 1.0)
    assert one.rests
    one.lost(3.75, 1000.0, 600.0, hurt=True)
    assert one.best == 7.5
    assert not one.ready(1000.0)
    assert one.ready(1000.0 + 1200.0), "it is not their fault that others failed before"
    assert one.next(7.5, 1.0, 60.0) == 5.3
    one.kept(5.3, 7.5)
    while (following := one.next(5.3, 1.0, 60.0)) is not None:
        assert following > 3.75, "beyond is what hurt"
        one.failed(2000.0, 1.0)


def test_what_is_done_once_rests_longer_each_time_that_it_does_not_help() -> None:
    rest = Rest()
    assert rest.ready(0.0)
    rest.done(0.0, 100.0, helped=True)
    assert not rest.ready(99.0)
    rest.done(100.0, 100.0, helped=False)
    assert not rest.ready(299.0)
    assert rest.ready(300.0)

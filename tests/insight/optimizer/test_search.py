from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer.search import LONGEST_COOLDOWN, Rest, Search


def search(key: str) -> Search:
    knob = knob_of(key)
    assert knob is not None
    return Search(knob)


def climb(one: Search, value: float, best: float, low: float, high: float) -> float:
    """Follow it where a step is good if it comes nearer to ``best``."""
    now = 0.0
    while (following := one.next(value, low, high)) is not None:
        if abs(following / best - 1) < abs(value / best - 1):
            one.kept(following)
            value = following
        else:
            one.failed(now, 1.0)
    return value


def test_it_ends_near_the_best_and_rests() -> None:
    one = search("batching.max_wait")
    assert abs(climb(one, 0.32, 0.011, 0.001, 0.4) / 0.011 - 1) < 0.2
    assert one.rests
    assert not one.ready(1e12)


def test_it_stays_within_its_bounds() -> None:
    one = search("admission.limit")
    assert climb(one, 40, 1000, 10, 300) == 300


def test_whole_numbers_move_by_one_at_least() -> None:
    one = search("upstreams.a.weight")
    assert one.next(1, 1, 100) == 2
    one.kept(2)
    assert one.next(2, 1, 100) == 4


def test_shares_are_added_to_in_growing_steps() -> None:
    one = search("cache.semantic.max_error")
    assert one.next(0.01, 0.001, 0.5) == 0.015
    one.kept(0.015)
    assert one.next(0.015, 0.001, 0.5) == 0.025


def test_failures_double_the_pause_and_harm_counts_twice() -> None:
    one = search("admission.limit")
    one.failed(0.0, 100.0)
    assert not one.ready(99.0)
    assert one.ready(100.0)
    one.failed(100.0, 100.0)
    assert not one.ready(299.0)
    one.kept(80)
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
    assert one.ready(LONGEST_COOLDOWN + 1) == (not one.rests)


def test_what_is_done_once_rests_longer_each_time_that_it_does_not_help() -> None:
    rest = Rest()
    assert rest.ready(0.0)
    rest.done(0.0, 100.0, helped=True)
    assert not rest.ready(99.0)
    rest.done(100.0, 100.0, helped=False)
    assert not rest.ready(299.0)
    assert rest.ready(300.0)

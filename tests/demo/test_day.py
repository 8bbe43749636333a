from random import Random

from penstock.demo.day import DAY, STARTS, Pool, load, play


def test_nine_in_the_morning_is_far_from_the_night() -> None:
    draw = Random(1)
    night = [load(3 * 3600 + minute * 60, draw) for minute in range(60)]
    noon = [load(DAY + 12 * 3600 + minute * 60, draw) for minute in range(60)]
    assert sum(noon) > 5 * sum(night)


def test_replicas_take_their_time_to_come_and_none_to_go() -> None:
    pool = Pool(ready=1)
    pool.want(0.0, 3)
    pool.want(10.0, 3)
    assert (pool.ready, pool.starting) == (1, 2), "asked for once"
    pool.see(STARTS)
    assert (pool.ready, pool.starting) == (3, 0)
    pool.want(STARTS, 1)
    assert pool.ready == 1


def test_a_rule_that_sizes_for_nothing_misses_most() -> None:
    missed, hours, ready = play("fixed", None, 0)
    assert missed > 0.5
    assert hours < 50
    assert len(ready) == 24
    assert play("tracking", None, 0)[0] < 0.05

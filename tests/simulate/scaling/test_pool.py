import numpy as np
import pytest

from penstock.simulate.scaling.pool import Hardware, Pool

HARDWARE = Hardware(carries=10.0, starts=100.0, spread=0.0, response=10.0)


def pool(ready: int, grace: float = 60.0, rescues: bool = False) -> Pool:
    return Pool(HARDWARE, ready, grace, rescues, np.random.default_rng(0))


def test_a_replica_serves_after_its_start_and_is_paid_from_the_beginning() -> None:
    one = pool(1)
    one.want(3, 0.0)
    for at in range(0, 200, 10):
        one.step(at, 10.0, 5.0, 5.0)
        assert one.ready == (1 if at < 100 else 3)
    assert one.tally.paid == 3 * 200
    assert one.tally.starting == 2 * 100
    assert one.tally.starts == 2


def test_those_that_serve_nobody_yet_go_first_and_cost_no_call() -> None:
    one = pool(2)
    one.want(5, 0.0)
    one.want(2, 10.0)
    assert (one.ready, one.starting, one.draining) == (2, 0, 0)
    assert one.tally.cut == 0


@pytest.mark.parametrize("rescues", [True, False])
def test_what_cannot_end_in_its_grace_is_cut_or_goes_on_elsewhere(rescues: bool) -> None:
    one = pool(4, grace=1.0, rescues=rescues)
    one.step(0.0, 10.0, 30.0, 30.0)
    one.want(2, 10.0)
    assert one.draining == 2
    left = one.tally.moved if rescues else one.tally.cut
    assert left == pytest.approx(2 * 30.0 * 10.0 / 4 * np.exp(-0.1), rel=0.01)
    assert (one.tally.cut if rescues else one.tally.moved) == 0
    one.step(11.0, 10.0, 5.0, 5.0)
    assert one.draining == 0


def test_too_much_work_waits_and_what_waits_too_long_is_gone() -> None:
    one = pool(1)
    one.step(0.0, 10.0, 20.0, 20.0)
    assert one.backlog == pytest.approx(100.0)
    for at in range(10, 100, 10):
        one.step(at, 10.0, 20.0, 20.0)
    assert one.backlog == pytest.approx(HARDWARE.patience * 10.0)
    assert one.tally.gone == pytest.approx(700.0)
    assert one.tally.violations > 0.9
    for at in range(100, 200, 10):
        one.step(at, 10.0, 0.0, 0.0)
    assert one.backlog == 0


def test_whoever_comes_before_nothing_is_held() -> None:
    one = pool(0)
    one.step(0.0, 10.0, 2.0, 2.0)
    assert one.tally.held == 20

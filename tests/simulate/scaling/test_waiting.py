import pytest

from penstock.simulate.scaling.waiting import late


def test_who_comes_after_work_that_waits_is_late_by_it() -> None:
    assert late(500.0, 100.0, 100.0, 10.0, 4.0, 1.0, 2.0) == 1.0
    assert late(0.0, 100.0, 0.0, 10.0, 4.0, 1.0, 2.0) == 1.0
    assert late(0.0, 50.0, 100.0, 10.0, 4.0, 1.0, 2.0) < 1e-9


def test_chance_makes_some_late_near_capacity_and_fewer_in_a_larger_pool() -> None:
    one = late(0.0, 9.5, 10.0, 10.0, 2.0, 1.0, 2.0)
    ten = late(0.0, 95.0, 100.0, 10.0, 2.0, 1.0, 2.0)
    assert 0.2 < one < 0.5
    assert ten < one / 10


@pytest.mark.parametrize("factor", [10.0, 1e6])
def test_only_ratios_count_in_the_fluid(factor: float) -> None:
    few = late(300.0, 120.0, 100.0, 10.0, 4.0, 1e-9, 2.0)
    many = late(300.0 * factor, 120.0 * factor, 100.0 * factor, 10.0, 4.0, 1e-9, 2.0)
    assert many == pytest.approx(few)

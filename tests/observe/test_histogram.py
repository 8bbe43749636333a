import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.observe.histogram import OVERHEAD_SECONDS, SECONDS, Histogram

values = st.lists(st.floats(0, 1000), max_size=40)


def of(observed: list[float]) -> Histogram:
    histogram = Histogram(SECONDS)
    for value in observed:
        histogram.observe(value)
    return histogram


@pytest.mark.parametrize("bounds", [SECONDS, OVERHEAD_SECONDS])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))


def test_a_bound_belongs_to_its_own_bucket_and_beyond_the_last_is_infinity() -> None:
    histogram = of([0.005, 0.0050001, 600.0, 601.0])
    assert histogram.counts[0] == 1
    assert histogram.counts[1] == 1
    assert histogram.counts[-2:] == [1, 1]
    assert (histogram.count, histogram.sum) == (4, pytest.approx(1201.0100001))


@given(values, values)
def test_merging_is_observing_both(first: list[float], second: list[float]) -> None:
    merged, both = of(first), of(first + second)
    other = of(second)
    merged.add(other.counts, other.sum)
    assert merged.counts == both.counts
    assert merged.sum == pytest.approx(both.sum)


def test_histograms_of_other_bounds_do_not_mix() -> None:
    with pytest.raises(ValueError):
        Histogram(SECONDS).add([0, 1], 1.0)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=40), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_the_bound_above_it(observed: list[float], share: float) -> None:
    told = of(observed).quantile(share)
    rank = max(1, -(-len(observed) * share // 1))
    exact = sorted(observed)[int(rank) - 1]
    assert exact <= told
    lower = [bound for bound in SECONDS if bound < told]
    assert not lower or exact > lower[-1] or told == SECONDS[0]


def test_of_nothing_the_quantile_is_0() -> None:
    assert Histogram(SECONDS).quantile(0.99) == 0.0


@given(st.lists(st.floats(0, 500)))
def test_many_at_once_are_the_same_as_one_by_one(observed: list[float]) -> None:
    many = Histogram(SECONDS)
    many.fill(observed)
    assert (many.counts, many.sum) == (of(observed).counts, pytest.approx(of(observed).sum))

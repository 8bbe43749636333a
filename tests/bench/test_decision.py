from bench.decision import FLEETS, costs, measure_cut
from penstock.routing.strategies import STRATEGIES


def test_every_strategy_is_measured_at_every_size() -> None:
    measured = costs(list(STRATEGIES), 20)
    assert [cost.strategy for cost in measured] == list(STRATEGIES)
    assert all(set(cost.by_fleet) == set(FLEETS) and min(cost.by_fleet.values()) > 0 for cost in measured)
    assert measure_cut(16_000, 10) > 0

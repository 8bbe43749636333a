from penstock.memory.collector_config import CollectorConfig


def test_the_shares_stand_in_their_order() -> None:
    assert list(CollectorConfig().check()) == []
    assert [place for place, _ in CollectorConfig(low=0.7).check()] == [()]
    assert list(CollectorConfig(high=0.6).check())

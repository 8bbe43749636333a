from penstock.core.windows import Group, Window
from penstock.insight.optimizer.measures import readings
from penstock.insight.optimizer.sighting import Sighting


def window(start: float, rate: float = 50.0) -> Window:
    groups = [
        Group("chat", "m", "fast", calls=10, total=20.0, queued=2.0, tokens_out=1000, generating=1000 / rate),
        Group("chat", "m", "slow", calls=10, total=20.0, queued=2.0, tokens_out=1000, generating=4000 / rate),
    ]
    return Window(start, 10.0, groups, gauges={"cache_bytes": 95.0}, waits={"batching": 10.0})


def test_lately_is_told_in_medians_shares_and_paces() -> None:
    sighting = Sighting()
    for number in range(5):
        one = window(10.0 * number)
        sighting.take(one, readings(one))
    sight = sighting.sight(["k"], ["k"], 0.0, [], [], cache_bytes=100.0, prompts=True)
    assert sight.values["token_rate"] == 20.0
    assert sight.waits == {"queue": 0.1, "batching": 0.25}
    assert sight.pace == {"fast": 0.02, "slow": 0.08}
    assert (sight.full, sight.keys, sight.explored, sight.prompts, sight.target) == (0.95, ["k"], ["k"], True, 0.0)


def test_the_target_is_the_best_lately_unless_one_is_given() -> None:
    sighting = Sighting()
    for number in range(130):
        one = window(10.0 * number, rate=50.0 if number < 60 else 20.0)
        sighting.take(one, readings(one))
    assert sighting.sight([], [], 0.0, [], []).target == 20.0
    assert sighting.sight([], [], 33.0, [], []).target == 33.0


def test_before_anything_was_seen_nothing_is_told() -> None:
    sight = Sighting().sight([], [], 0.0, [], [])
    assert (sight.values, sight.waits, sight.pace, sight.full) == ({}, {}, {}, 0.0)

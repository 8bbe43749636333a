import msgspec
import pytest

from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks.seen import Facts, Upstream
from penstock.insight.bottlenecks.standing import Bottlenecks
from tests.support.spans import call, window

ONE_WINDOW = BottleneckConfig(over=10, least_calls=5)


def play(standing: Bottlenecks, lags: list[float], start: float = 0.0) -> list[list[str]]:
    """The kinds that stand after each window with such a lag of the loop."""
    told = []
    for place, lag in enumerate(lags):
        standing.take(window(start + 10.0 * place, [call()] * 10, {"loop_lag": lag, "cpu": 0.1}), Facts())
        told.append([one.kind for one in standing.now])
    return told


def test_one_opens_when_it_was_there_twice_and_closes_when_it_was_gone_three_times() -> None:
    told = play(Bottlenecks(ONE_WINDOW), [0.1, 0.01, 0.1, 0.1, 0.01, 0.01, 0.1, 0.01, 0.01, 0.01, 0.01])
    assert [bool(kinds) for kinds in told] == [False, False, False, True, True, True, True, True, True, False, False]


def test_at_the_threshold_it_does_not_flicker() -> None:
    around = [0.051, 0.051] + [0.0495, 0.0505] * 10
    assert all(play(Bottlenecks(ONE_WINDOW), around)[1:])
    assert not any(play(Bottlenecks(ONE_WINDOW), [0.0495, 0.0505] * 10))


def test_it_says_since_when_and_keeps_the_numbers_of_when_it_was_bad() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    play(standing, [0.1, 0.2, 0.01])
    (one,) = standing.now
    assert one.since == 20.0
    assert one.evidence["loop_lag_mean"] == 0.2
    assert msgspec.to_builtins(one)["kind"] == "event_loop"
    assert "event_loop" in repr(standing)


def test_the_dearest_is_first() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    for place in range(2):
        gauges = {"loop_lag": 0.2, "network": 0.3, "memory": 0.9}
        standing.take(
            window(10.0 * place, [call(first_byte=0.7)] * 10, gauges), Facts(upstreams={"up": Upstream(waiting=0.2)})
        )
    costs = [one.impact * one.share for one in standing.now]
    assert [one.kind for one in standing.now] == ["context", "upstream_queue", "network", "event_loop", "memory"]
    assert costs == sorted(costs, reverse=True)


def test_few_calls_are_no_evidence() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    for place in range(4):
        standing.take(window(10.0 * place, [call()] * 4, {"loop_lag": 5.0}), Facts())
    assert standing.now == []


def test_the_usual_token_rate_is_learned_while_there_is_cpu_to_spare() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    at = 0.0
    for _ in range(20):
        standing.take(window(at, [call()] * 10, {"cpu": 0.3}), Facts())
        at += 10
    for _ in range(3):  # busy, and as fast as ever
        standing.take(window(at, [call()] * 10, {"cpu": 0.97}), Facts())
        at += 10
    assert standing.now == []
    for _ in range(2):  # busy, and half as fast
        standing.take(window(at, [call(total=1.8, waited=1.7)] * 10, {"cpu": 0.97}), Facts())
        at += 10
    (one,) = standing.now
    assert (one.kind, one.severity) == ("cpu", "high")
    assert one.evidence["token_rate_of_usual"] == pytest.approx(0.5, abs=0.01)


def test_slow_tokens_of_another_model_are_not_taken_for_slow_ones() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    for place in range(20):
        standing.take(window(10.0 * place, [call()] * 9 + [call(model="big", total=8.2)] * 9, {"cpu": 0.3}), Facts())
    for place in range(20, 24):  # only the slow model is asked now
        standing.take(window(10.0 * place, [call(model="big", total=8.2)] * 9, {"cpu": 0.97}), Facts())
    assert standing.now == []


def test_other_thresholds_count_from_the_next_window_on() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    play(standing, [0.1, 0.1])
    standing.follow(BottleneckConfig(over=10, least_calls=5, loop=1.0))
    assert play(standing, [0.1] * 3, 20.0)[-1] == []


def test_what_is_gone_is_forgotten() -> None:
    standing = Bottlenecks(ONE_WINDOW)
    for place in range(300):
        name = f"up-{place}"
        standing.take(window(10.0 * place, [call(upstream=name, connecting=0.5)] * 6), Facts())
    assert len(standing._stands) < 10
    assert len(standing._last) <= len(standing._stands)

import pytest

from penstock.core.windows import Window
from penstock.insight.bottlenecks.seen import Digest, Facts, Seen, Sums, seen
from tests.support.spans import call, hit, window


def of(windows: list[Window], facts: Facts | None = None) -> Seen:
    return seen(map(Digest, windows), facts or Facts())


def test_sums_by_model_and_upstream_and_means_of_gauges() -> None:
    told = of(
        [window(0, [call(), call(model="n", upstream="other", queued=0.5)], {"cpu": 0.2}),
         window(10, [hit(), call(cache="miss")], {"cpu": 0.6})],
        Facts(workers=3),
    )  # fmt: skip
    assert (told.seconds, told.whole.calls, told.facts.workers) == (20.0, 4, 3)
    assert {name: sums.calls for name, sums in told.models.items()} == {"m": 3, "n": 1}
    assert {name: sums.calls for name, sums in told.upstreams.items()} == {"up": 2, "other": 1}
    assert (told.whole.asked, told.whole.firsts, told.whole.held) == (3, 3, 1)
    assert told.means["cpu"] == pytest.approx(0.4)
    assert told.worst["cpu"] == 0.6


def test_what_the_cache_answers_is_told_from_what_it_misses() -> None:
    told = of([window(0, [hit(), hit(total=0.004), call(cache="miss", total=2.0), call(cache="bypass")])])
    assert told.hit == pytest.approx(0.003)
    assert told.miss == 2.0


def test_waits_by_room_and_a_mean_of_nothing() -> None:
    told = of([window(0, [call(queued=0.3, waits={"admission": 0.3})] * 2)])
    assert told.waits == {"admission": 0.6}
    assert Sums().latency == 0.0
    assert "0 calls" in repr(Sums())

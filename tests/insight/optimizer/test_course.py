import math

import pytest

from penstock.core.windows import Group, Window
from penstock.insight.optimizer.course import keys_of
from penstock.insight.optimizer.experiments import Refused
from penstock.insight.optimizer_config import OptimizerConfig
from tests.insight.optimizer.test_experiments import past
from tests.insight.optimizer.tuning import KEY, START, Bench


def valley(value: float, held: int) -> float:
    """Best at 20 ms."""
    return 1.0 + 0.3 * abs(math.log(value / 0.02))


def test_it_goes_on_in_a_good_direction_until_nothing_is_gained() -> None:
    bench = Bench(valley, least=0.01)
    bench.step(5000)
    assert abs(math.log(bench.value / 0.02)) < 0.25
    kept = [one for one in bench.course.experiments.journal if one.state == "kept"]
    assert len(kept) >= 2
    assert all(one.effect is not None and one.effect < 0 for one in kept)


def test_only_suggest_tries_nothing_and_off_does_not_even_propose() -> None:
    bench = Bench(valley, mode="suggest")
    bench.step(40)
    assert [one.setting for one in bench.course.proposals.values()] == [KEY]
    first = next(iter(bench.course.proposals))
    bench.step()
    assert next(iter(bench.course.proposals)) == first  # it keeps its name
    assert not bench.course.experiments.busy
    bench.course.follow(OptimizerConfig(mode="off"), keys_of({KEY: 0.1}))
    bench.step()
    assert bench.course.proposals == {}


def test_a_person_may_try_what_lies_within_the_bounds_and_nothing_else() -> None:
    bench = Bench(valley, mode="suggest")
    with pytest.raises(Refused, match="not known yet"):
        bench.course.begin(bench.course.propose(KEY, "50ms").id, bench.now, "ada")
    bench.step(20)
    for setting, text, said in (
        (KEY, "20s", "may be from 1ms to 10s"),
        (KEY, "x", "duration"),
        (KEY, "100ms", "already"),
        ("auth.mode", "open", "no key"),
        ("cache.exact.ttl", "1h", "no key"),
    ):
        with pytest.raises(Refused, match=said):
            bench.course.propose(setting, text)
    begun = bench.course.begin(bench.course.propose(KEY, "50ms").id, bench.now, "ada")
    assert (begun.by, begun.state) == ("ada", "running")
    with pytest.raises(Refused, match="there is no proposal"):
        bench.course.begin("p99", bench.now)


def test_a_key_without_bounds_is_never_moved() -> None:
    bench = Bench(valley, bounds={})
    bench.course.follow(bench.config, keys_of({"cache.exact.ttl": 3600.0}))
    bench.step(100)
    assert not bench.course.experiments.journal
    assert not bench.course.experiments.busy
    with pytest.raises(Refused, match="has no bounds"):
        bench.course.propose("cache.exact.ttl", "2h")


def test_what_is_not_safe_is_skipped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    key = "cache.semantic.max_error"
    bench = Bench(valley, bounds={key: ["0.001", "0.1"]})
    bench.course.follow(bench.config, keys_of({key: 0.01}))
    bench.step(60)
    assert [one.safety for one in bench.course.proposals.values()] == ["unsafe"]
    assert not bench.course.experiments.busy
    assert caplog.text.count("skips what is not safe") == 1
    bench.course.follow(OptimizerConfig(mode="auto", bounds=bench.config.bounds, unsafe=True), bench.course.keys)
    bench.step(30)
    assert bench.course.experiments.busy


def test_what_was_kept_before_a_restart_is_proposed_again() -> None:
    bench = Bench(valley, mode="suggest", bounds={KEY: ["1ms", "10s"]})
    bench.course.restore([past(7, "kept", "25ms")], {}, START)
    bench.step(3)
    one = next(iter(bench.course.proposals.values()))
    assert (one.type, one.value) == ("again", "25ms")
    assert int(one.id[1:]) > 7
    bench.course.follow(bench.config, keys_of({KEY: 0.5}))  # the file says something new: it no longer holds
    bench.step()
    assert next(iter(bench.course.proposals.values())).type == "explore"


def test_memory_that_is_short_is_collected_first() -> None:
    bench = Bench(valley)
    experiments = bench.course.experiments
    began = None
    for number in range(50):
        group = Group("chat", "m", "u", calls=50)
        bench.course.take(Window(START + 10 * number, 10.0, [group], gauges={"memory": 0.85}))
        if experiments.to_do is not None:
            assert experiments.to_do.proposal.setting == "action:collect"
            began = began or experiments.to_do.began
    assert began is not None
    collected = experiments.journal[-1]
    assert (collected.state, collected.began) == ("timed_out", began), "nobody does it here, which holds nothing up"
    assert collected.ended == began + 50.0


def test_while_an_anomaly_is_open_nothing_is_tried_that_does_not_answer_it() -> None:
    bench = Bench(valley)
    for number in range(40):
        bench.course.take(Window(START + 10 * number, 10.0, [Group("chat", "m", "u", calls=50)]), anomalies=[object()])
    assert not bench.course.experiments.busy

import pytest

from penstock.core.windows import Group, Window
from penstock.insight.anomalies.failing import Failing, FailingWatch, failing
from penstock.insight.anomalies.measures import SPANS
from penstock.insight.anomalies.rows import Scope
from penstock.insight.anomalies.scope import ScopeWatch
from penstock.insight.anomaly import Anomalies
from penstock.insight.anomaly_config import AnomalyConfig
from tests.support.series_of_windows import Quiet

TWO = len(SPANS) - 1


class Retrying:
    """A quiet gateway whose calls are tried elsewhere when an attempt fails: some of each pair's calls are moved."""

    def __init__(self) -> None:
        self.found, self.quiet = Anomalies(AnomalyConfig()), Quiet(5, calls=6)
        self.play(150)

    def play(self, windows: int, failed: dict[Scope, int] | None = None, saved: dict[Scope, int] | None = None) -> None:
        """``failed`` calls of a pair end there as failures, each with two attempts; ``saved`` ones were tried before
        elsewhere."""
        for _ in range(windows):
            window = self.quiet.next()
            for group in window.groups:
                self._change(group, (failed or {}).get(_pair(group), 0), (saved or {}).get(_pair(group), 0))
            self.found.take(window)

    def _change(self, group: Group, failed: int, saved: int) -> None:
        group.retried += failed + saved
        if failed:
            group.faults["upstream"] = group.faults.get("upstream", 0) + failed

    def failing(self, span: int = 0) -> Failing | None:
        return failing(self.found.scopes, span)


def _pair(group: Group) -> Scope:
    return (group.model, group.upstream)


def test_calls_that_others_saved_speak_against_the_upstream_that_saved_none() -> None:
    fleet = Retrying()
    assert fleet.failing() is None
    fleet.play(2, saved={("chat", "gpu-2"): 1, ("code", "gpu-2"): 2})
    found = fleet.failing()
    assert found is not None
    assert (found.upstream, found.lost, found.share) == ("gpu-1", 6.0, 1.0)
    assert found.attempts == pytest.approx(30, abs=4)
    assert found.usual < 0.5


def test_failures_on_both_sides_are_nobodys_and_so_are_saved_calls() -> None:
    fleet = Retrying()
    fleet.play(2, failed={("chat", "gpu-1"): 1, ("chat", "gpu-2"): 1, ("code", "gpu-1"): 1, ("code", "gpu-2"): 1})
    assert fleet.failing() is None
    fleet = Retrying()
    fleet.play(2, saved={("chat", "gpu-1"): 1, ("chat", "gpu-2"): 1, ("code", "gpu-1"): 1, ("code", "gpu-2"): 1})
    assert fleet.failing() is None


def test_one_model_that_fails_where_another_is_well_is_not_its_upstream() -> None:
    fleet = Retrying()
    fleet.play(4, failed={("chat", "gpu-1"): 4})
    assert fleet.failing(1) is None
    fleet = Retrying()
    fleet.play(4, failed={("chat", "gpu-1"): 4, ("code", "gpu-1"): 4})
    found = fleet.failing(1)
    assert found is not None
    assert found.upstream == "gpu-1"


def test_it_is_sure_after_two_windows_and_over_when_it_is_over() -> None:
    fleet, watch = Retrying(), FailingWatch()
    seen = []
    for _ in range(3):
        fleet.play(1, failed={("chat", "gpu-1"): 1}, saved={("code", "gpu-2"): 2, ("chat", "gpu-2"): 1})
        seen.append([(one.scope, one.sure) for one in watch.take(0.0, fleet.found.scopes, True)])
    assert seen[0] in ([], [((None, "gpu-1"), False)])
    assert seen[-1] == [((None, "gpu-1"), True)]
    fleet.play(40)
    for _ in range(10):
        assert not any(one.sure for one in watch.take(0.0, fleet.found.scopes, False))


def test_one_that_is_odd_by_less_than_the_gate_is_nothing() -> None:
    fleet, watch = Retrying(), FailingWatch()
    for turn in range(6):  # nine of 150 attempts at gpu-1
        fleet.play(1, saved={("code", "gpu-2"): 1})
        fleet.play(1, saved={("chat", "gpu-2"): 1} if turn % 2 else {})
    found = fleet.failing(TWO)
    assert found is not None
    assert watch.take(0.0, fleet.found.scopes, True) == []


def test_a_gateway_without_calls_has_nobody_who_fails() -> None:
    found = Anomalies(AnomalyConfig())
    found.take(Window(0.0))
    assert failing(found.scopes, 0) is None
    scopes: dict[Scope, ScopeWatch] = {}
    assert failing(scopes, 0) is None


def test_an_upstream_that_fails_is_told_by_its_name_though_most_of_its_calls_are_saved() -> None:
    fleet = Retrying()
    fleet.play(5, failed={("chat", "gpu-1"): 1}, saved={("code", "gpu-2"): 2, ("chat", "gpu-2"): 1})
    (anomaly,) = fleet.found.open
    assert (anomaly.kind, anomaly.blames) == ("error_burst", "upstream=gpu-1")

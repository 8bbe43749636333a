import pytest

from penstock.core.windows import Group, Window
from penstock.insight.anomalies.rows import MOST_SCOPES
from penstock.insight.anomaly import Anomalies
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.findings import Anomaly
from tests.support.series_of_windows import Quiet

LEARNED = 170


class Gateway:
    """Anomalies over a gateway that is quiet until a test makes it otherwise."""

    def __init__(self, seed: int = 1, windows: int = LEARNED, config: AnomalyConfig | None = None) -> None:
        self.quiet = Quiet(seed)
        self.found = Anomalies(config or AnomalyConfig())
        self.opened: list[Anomaly] = []
        self.ended: list[Anomaly] = []
        self.play(windows)

    def play(self, windows: int) -> None:
        for _ in range(windows):
            opened, ended = self.found.take(self.quiet.next())
            self.opened += opened
            self.ended += ended

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.kind, one.blames) for one in self.opened]


def test_a_quiet_gateway_is_quiet() -> None:
    assert Gateway(windows=600).said == []


@pytest.mark.parametrize("seed", [11, 12])
def test_one_fault_is_one_anomaly_with_whom_it_blames(seed: int) -> None:
    gateway = Gateway(seed)
    gateway.quiet.slow = {"gpu-1": 2.5}
    gateway.play(12)
    assert gateway.said == [("high_latency", "upstream=gpu-1")]
    (anomaly,) = gateway.found.open
    assert (anomaly.upstream, anomaly.model, anomaly.response) == ("gpu-1", "", "route_away")
    assert "upstream gpu-1" in anomaly.cause
    assert anomaly.deviation == pytest.approx(1.5, abs=0.5)
    assert anomaly.context["calls"] > 0
    assert {"tokens_in", "tokens_out", "memory", "ttft_p95"} <= set(anomaly.context)
    assert [one["measure"] for one in anomaly.context["also"]] == ["token_gap"] or anomaly.measure == "token_gap"
    gateway.quiet.slow = {}
    gateway.play(40)
    assert [one.id for one in gateway.ended] == ["a1"]
    assert anomaly.end is not None
    assert gateway.found.open == []
    assert list(gateway.found.ended) == [anomaly]
    gateway.play(100)
    assert len(gateway.opened) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slow": {"chat": 2.5}}, ("high_latency", "model=chat")),
        ({"short": {"gpu-2": 0.2}}, ("short_answers", "upstream=gpu-2")),
        ({"errors": {"gpu-2": 0.5}}, ("error_burst", "upstream=gpu-2")),
        ({"price": {"code": 2.0}}, ("cost_spike", "model=code")),
        ({"prompts": 3.0}, ("long_prompts", "prompt=1024")),
        ({"hits": 0.1}, ("low_hit_rate", "cache=hit-exact")),
        ({"traffic": 0.2}, ("traffic_shift", "gateway=all")),
        ({"flood": 60}, ("traffic_shift", "key=k1")),
        ({"gauges": {"loop_lag": 0.8}}, ("loop_blocked", "gauge=loop_lag")),
        ({"gauges": {"memory": 0.92}}, ("memory_pressure", "gauge=memory")),
    ],
)
def test_each_kind_by_its_name(change: dict[str, object], said: tuple[str, str]) -> None:
    gateway = Gateway(5)
    for name, value in change.items():
        setattr(gateway.quiet, name, value)
    gateway.play(12)
    assert gateway.said[:1] == [said]


def test_an_upstream_that_gets_nothing_is_dark() -> None:
    gateway = Gateway(7)
    for _ in range(12):
        window = gateway.quiet.next()
        window.groups = [group for group in window.groups if group.upstream != "gpu-2"]
        opened, _ = gateway.found.take(window)
        gateway.opened += opened
    assert gateway.said[0] == ("upstream_dark", "upstream=gpu-2")


def test_an_upstream_that_had_a_call_a_window_need_be_surely_dark_but_once_when_long_suspected() -> None:
    gateway = Gateway(7, windows=0)
    gateway.quiet.calls = 1
    for number in range(LEARNED + 20):
        window = gateway.quiet.next()
        window.groups = [one for one in window.groups if one.model == "chat"]
        for group in window.groups if number >= LEARNED else ():
            group.upstream = group.upstream and "gpu-1"
        gateway.opened += gateway.found.take(window)[0]
    assert gateway.said == [("upstream_dark", "upstream=gpu-2")]


def test_lost_windows_and_empty_ones_are_borne() -> None:
    found = Anomalies(AnomalyConfig())
    quiet = Quiet(3)
    for number in range(LEARNED):
        window = quiet.next()
        if number % 7:
            assert found.take(window) == ([], [])
    assert found.take(Window(quiet.at + 500_000, groups=[Group()])) == ([], [])


def test_what_is_usual_is_known_after_a_restart() -> None:
    gateway = Gateway(8)
    after = Anomalies(AnomalyConfig(), last=gateway.found.last)
    for name in gateway.found.names():
        kept = gateway.found.dump(name)
        assert kept is not None
        after.load(name, kept)
    after.load("unheard-of", {})
    assert after.dump("scope nobody|") is None
    gateway.found = after
    gateway.quiet.gauges = {"loop_lag": 0.8}
    gateway.play(6)
    assert gateway.said == [("loop_blocked", "gauge=loop_lag")]
    assert "scopes" in repr(after)


def test_scopes_are_bounded() -> None:
    found = Anomalies(AnomalyConfig())
    for number in range(30):
        groups = [Group(model=f"m{number}-{one}", upstream="u", calls=3) for one in range(20)]
        found.take(Window(1e9 + 10 * number, groups=groups))
    assert len(found.scopes) == MOST_SCOPES


def test_the_rule_of_memory_is_configured() -> None:
    gateway = Gateway(9, config=AnomalyConfig(memory=0.6))
    gateway.quiet.gauges = {"memory": 0.65}
    gateway.play(6)
    assert gateway.said == [("memory_pressure", "gauge=memory")]

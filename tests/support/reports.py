"""A report on two days of calls, with all that can stand in one: for tests of how it is shown.

``python -m tests.support.reports`` writes the golden files anew; look at what changed before you commit it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from penstock.cli.glance import glance
from penstock.cli.paint import Paint
from penstock.cli.report_page import page
from penstock.cli.report_text import lines
from penstock.cli.top_frame import frame
from penstock.core.alert import Alert
from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks.seen import Facts, Upstream
from penstock.insight.bottlenecks.standing import Bottlenecks
from penstock.insight.findings import Anomaly, Experiment, Proposal
from penstock.insight.objectives import Objectives
from penstock.insight.objectives_config import ObjectivesConfig
from penstock.insight.recommend import recommendations
from penstock.insight.recommending.known import Known, Model, Settings
from penstock.insight.report.report import report
from penstock.insight.report.totals import Collected, Totals, summary
from tests.support.spans import call, failed, hit, window

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
START = 1_795_651_200.0  # 2026-11-26 00:00 UTC
DAY = 86_400.0
EVIL = '<script>alert(1)</script>"\x1b[2J\u202e'
"""A model that a caller asked for by this name."""


def _calls(hour: int, later: bool) -> list[Any]:
    """What ended in an hour: more by day than by night; in the second day slower, and some fail."""
    number = 6 + 4 * (6 <= hour < 20)
    made = [
        call(model="llama", upstream=f"gpu-{place % 2}", key="key-team", cache="miss", cost=900, tokens_cached=10,
             total=1.6 + 0.01 * place + (0.8 if later else 0), first_byte=0.9 + 0.02 * place, queued=0.2,
             waits={"admission": 0.2}, connecting=0.02, tags="search")
        for place in range(number)
    ]  # fmt: skip
    made += [hit(model="llama", key="key-team", saved=900)] * 3
    made += [call(model=EVIL, upstream="", key=EVIL, tags=EVIL, cache="bypass")]
    if later:
        made += [failed(model="llama", upstream="gpu-1", key="key-team")]
    return made


@cache
def told() -> dict[str, Any]:
    """The report, as JSON."""
    collected = Collected(START, START + DAY)
    alerts: list[Alert] = []
    objectives = Objectives(ObjectivesConfig(ttft_p95={"llama": 0.8}), alerts.append)
    standing = Bottlenecks(BottleneckConfig(over=10, least_calls=5))
    facts = Facts(upstreams={"gpu-0": Upstream(9, 8, 0.3, 8, 8), "gpu-1": Upstream(3, 8, 0.01, 3, 8)})
    for hour in range(-24, 24):
        one = window(START + 3600.0 * hour, _calls(hour % 24, hour >= 0), {"cpu": 0.4, "memory": 0.5})
        objectives.take(one)
        one.seconds = 3600.0
        collected.add(one)
        standing.take(one, facts)
    settings = Settings(exact=True, models={"llama": Model("least_connections", ("gpu-0", "gpu-1"))})
    parts = {
        "bottlenecks": msgspec.to_builtins(standing.now),
        "objectives": objectives.told(),
        "recommendations": msgspec.to_builtins(recommendations(Known(collected.now, settings, standing.now))),
        **msgspec.to_builtins({"alerts": _alerts(), "anomalies": _anomalies(), "experiments": _experiments()}),
    }
    return report(collected, parts, {"history": "not installed"}, START + DAY)


def _alerts() -> list[Alert]:
    return [
        Alert(id="o1", name="objective_availability_fast", severity="critical", opened=START + 3600,
              closed=START + 7200, text=f"availability: 9 of 90 calls broke it {EVIL}"),
        Alert(id="o2", name="objective_p95_slow", severity="high", opened=START + 80_000, text="the budget is spent"),
    ]  # fmt: skip


def _anomalies() -> list[Anomaly]:
    return [
        Anomaly(id="a1", kind="high_latency", severity="high", measure="total_p95", actual=2.6, expected=1.8,
                start=START + 60, end=START + 4000, cause=f"gpu-1 is slow, {EVIL}"),
        Anomaly(id="a2", kind="error_burst", severity="medium", measure="error_share", actual=0.1, expected=0.01,
                start=START + 70_000),
    ]  # fmt: skip


def _experiments() -> list[Experiment]:
    proposal = Proposal(id="p1", type="cache", priority="medium", safety="safe", description="More answers are kept.",
                        setting="cache.memory", value="512MiB", metric="hit_rate")  # fmt: skip
    return [Experiment(id="e1", proposal=proposal, began=START, state="rolled_back", effect=-0.02)]


def status() -> dict[str, Any]:
    """What status tells of two workers; one sees an upstream as out of use."""

    def worker(state: str, back: float) -> dict[str, Any]:
        return {
            "uptime": 7250.0, "in_flight": 12, "connections": 40, "memory": {"share": 0.31},
            "admission": {"queues": {"door": {"waiting": {"high": 1, "normal": 2}}, "upstream": {"waiting": {}}}},
            "upstreams": {"gpu-0": [8, 900, 9], "gpu-1": [4, 500, 5]},
            "health": {"upstreams": {"gpu-0": {"state": "closed", "back_in": 0.0},
                                     "gpu-1": {"state": state, "back_in": back}}},
        }  # fmt: skip

    return {"version": "0.1.0", "workers": [worker("closed", 0.0), worker("open", 12.5)]}


@cache
def now() -> dict[str, Any]:
    """What top shows."""
    whole = told()
    totals = Totals()
    for place in range(6):
        totals.add(window(START + 10.0 * place, _calls(12, True)))
    seen = {name: whole[name] for name in ("alerts", "bottlenecks", "objectives", "absent")}
    return glance(status(), {**seen, "anomalies": whole["anomalies"][1:], "summary": summary(totals)})


def shown() -> dict[str, str]:
    """The golden files, by name."""
    plain = Paint(False)
    return {
        "report.txt": "\n".join(lines(told(), plain)) + "\n",
        "report.html": page(told()),
        "top.txt": "\n".join(frame(now(), 80, 40, "calls", plain)) + "\n",
    }


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, text in shown().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")

"""The report as plain values: summary, savings, trends, what stands, and what other parts say. Pure.

Enters: what was collected of two spans, and the rows of other parts; a part that is absent comes as None with a reason.
Leaves: a dict that is JSON as it stands. Times are Unix seconds, money micro-dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.insight.report.totals import BUCKETS, Collected, savings, summary
from penstock.insight.report.trends import MEASURES, series, trends

CURVES = ("calls", "errors", "ttft_p95", "total_p95", "cost", "hit_rate")


def report(collected: Collected, parts: Mapping[str, Any], absent: Mapping[str, str], now: float) -> dict[str, Any]:
    """``parts``: rows by name (bottlenecks, recommendations, objectives, alerts, anomalies, experiments); ``absent``:
    why one is not among them."""
    before, present = collected.buckets[:BUCKETS], collected.buckets[BUCKETS:]
    changes = trends(before, present, collected.step)
    return {
        "generated_at": now,
        "since": collected.since,
        "until": collected.until,
        "covered_seconds": min(collected.now.seconds, collected.until - collected.since),
        "summary": summary(collected.now),
        "savings": {**savings(collected.now), "faster": _faster(collected, changes)},
        "trends": changes,
        "curves": _curves(collected),
        **parts,
        "absent": dict(absent),
    }


def _faster(collected: Collected, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What calls take and cost less (or more, below zero) than in the span before; None where neither is a trend."""
    real = {row["name"] for row in changes if row["significant"]}
    new, old = collected.now.whole, collected.before.whole
    if not new.calls or not old.calls or not real & {"total_p95", "cost"}:
        return None
    seconds = old.total / old.calls - new.total / new.calls if "total_p95" in real else 0.0
    cost = old.cost / old.calls - new.cost / new.calls if "cost" in real else 0.0
    return {
        "seconds_a_call": round(seconds, 6), "cost_a_call": round(cost, 3), "calls": new.calls,
        "seconds": round(seconds * new.calls, 3), "cost": round(cost * new.calls),
    }  # fmt: skip


def _curves(collected: Collected) -> list[dict[str, Any]]:
    """Both spans, oldest first; None where nothing was."""
    drawn = []
    for measure in MEASURES:
        if measure.name not in CURVES:
            continue
        values = series(collected.buckets, collected.step, measure)
        if any(value for value in values):
            drawn.append({
                "name": measure.name, "unit": measure.unit, "start": collected.since - BUCKETS * collected.step,
                "step": collected.step, "since": collected.since,
                "values": [None if value is None else round(value, 6) for value in values],
            })  # fmt: skip
    return drawn

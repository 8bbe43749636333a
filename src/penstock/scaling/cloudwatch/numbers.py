"""What AWS may scale by, out of the calls of some windows and what is told of pools. Pure.

Enters: windows of all workers, gauges of pools. Leaves: metrics with their units, by dimensions; as a line that
CloudWatch Logs reads (the embedded metric format), or as data of PutMetricData. What nothing is known of is left out:
no call is not a slow one, and not a fast one either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from penstock.core.windows import Group, Window
from penstock.scaling.composite import composite

Value = tuple[float, str]
"""A number and its unit, as CloudWatch calls it."""
MOST_DATA = 1000
"""In one PutMetricData."""


class Metrics(NamedTuple):
    """Numbers of one thing."""

    dimensions: dict[str, str]
    values: dict[str, Value]


class Calls:
    """The calls since ``whole`` was asked last."""

    def __init__(self) -> None:
        self._sum = Group()
        self._seconds = 0.0

    def take(self, window: Window) -> None:
        """A window is over."""
        for group in window.groups:
            self._sum.add(group)
        self._seconds += window.seconds

    def whole(self) -> dict[str, Value]:
        """Numbers of all of them; then counting begins anew."""
        calls, seconds = self._sum, self._seconds
        self._sum, self._seconds = Group(), 0.0
        if not seconds:
            return {}
        found: dict[str, Value] = {"Requests": (calls.calls / seconds, "Count/Second")}
        if calls.calls:
            response = calls.total / calls.calls
            hits = _hit_rate(calls)
            found |= {"ResponseTime": (response, "Seconds"), "CacheHitRate": (100 * hits, "Percent")}
            if calls.generating > 0 and calls.tokens_out:
                rate = calls.tokens_out / calls.generating
                found |= {"TokenRate": (rate, "Count/Second"), "Composite": (composite(response, rate, hits), "None")}
        return found

    def __repr__(self) -> str:
        return f"<Calls {self._sum.calls} in {self._seconds:g} s>"


def _hit_rate(calls: Group) -> float:
    """The share of what was asked that some cache had: ours whole answers, engines the beginnings of prompts."""
    cached = min(1.0, calls.tokens_cached / calls.tokens_in) if calls.tokens_in else 0.0
    own = min(1.0, calls.hits / calls.calls)
    return own + (1 - own) * cached


def of_pools(service: str, pools: Mapping[str, Mapping[str, Any]]) -> list[Metrics]:
    """Each pool, and their sums, which stand under ``service`` alone."""
    told = {name: _of_pool(row) for name, row in pools.items()}
    sums: dict[str, Value] = {}
    for values in told.values():
        for name, (value, unit) in values.items():
            sums[name] = (sums.get(name, (0.0, unit))[0] + value, unit)
    each = [Metrics({"Service": service, "Pool": name}, values) for name, values in told.items()]
    return [*([Metrics({"Service": service}, sums)] if sums else []), *each]


def _of_pool(row: Mapping[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {"DesiredReplicas": (float(row["desired"]), "Count")}
    for name, key in (("ReadyReplicas", "ready"), ("Waiting", "waiting"), ("Load", "load")):
        if row.get(key) is not None:
            found[name] = (float(row[key]), "Count")
    if row.get("forecast") is not None:
        found["ForecastLoad"] = (float(row["forecast"]["load"]), "Count")
    return found


def line(namespace: str, metrics: Metrics, wall: float) -> str:
    """One line of the embedded metric format. ``wall``: Unix seconds."""
    named = [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.values.items()]
    directive = {"Namespace": namespace, "Dimensions": [list(metrics.dimensions)], "Metrics": named}
    values = {name: round(value, 6) for name, (value, _) in metrics.values.items()}
    head = {"_aws": {"Timestamp": int(wall * 1000), "CloudWatchMetrics": [directive]}}
    return json.dumps({**head, **metrics.dimensions, **values})


def data(all_metrics: Iterable[Metrics]) -> list[dict[str, Any]]:
    """The same as PutMetricData takes it."""
    return [
        {
            "MetricName": name, "Value": value, "Unit": unit,
            "Dimensions": [{"Name": key, "Value": one} for key, one in metrics.dimensions.items()],
        }
        for metrics in all_metrics
        for name, (value, unit) in metrics.values.items()
    ][:MOST_DATA]  # fmt: skip

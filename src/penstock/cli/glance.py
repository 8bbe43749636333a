"""What ``penstock top`` shows, as plain values: how the gateway is now, over all workers. Pure.

Enters: what status and the report's glance told. Leaves: one dict, which is what ``penstock top --json`` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WELL = ("closed", "half_open")
"""States of an upstream that is asked."""


def glance(status: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """``seen`` is the report's view of now; empty where nothing is judged."""
    workers: Sequence[Mapping[str, Any]] = status["workers"]
    upstreams = _upstreams(workers)
    serving, why = _serving(workers, upstreams)
    queued = sum(
        sum(hall["waiting"].values())
        for worker in workers if worker["admission"] is not None
        for hall in worker["admission"]["queues"].values()
    )  # fmt: skip
    summary = seen.get("summary") or {}
    return {
        "serving": serving,
        "why": why,
        "version": status["version"],
        "workers": len(workers),
        "uptime": max((worker["uptime"] for worker in workers), default=0.0),
        "in_flight": sum(worker["in_flight"] or 0 for worker in workers),
        "queued": queued,
        "connections": sum(worker["connections"] for worker in workers),
        "memory": max((worker["memory"].get("share") or 0.0 for worker in workers), default=0.0),
        "summary": summary or None,
        "upstreams": upstreams,
        **{name: seen.get(name) or [] for name in ("anomalies", "bottlenecks", "objectives")},
        "alerts": [row for row in seen.get("alerts") or [] if row["closed"] is None],
        "absent": seen.get("absent") or {},
    }


def _upstreams(workers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By name: the worst state that any worker sees, and when the last of them asks it again."""
    found: dict[str, dict[str, Any]] = {}
    for worker in workers:
        for name, health in worker["health"]["upstreams"].items():
            row = found.setdefault(name, {"name": name, "state": "closed", "back_in": 0.0, "in_flight": 0})
            if health["state"] != "closed" and (row["state"] == "closed" or health["back_in"] > row["back_in"]):
                row["state"] = health["state"]
            row["back_in"] = max(row["back_in"], health["back_in"])
        for name, numbers in worker["upstreams"].items():
            if name in found:
                found[name]["in_flight"] += numbers[0]
    return [found[name] for name in sorted(found)]


def _serving(workers: Sequence[object], upstreams: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """``yes``, ``partly`` or ``no``, and what is out of use."""
    if not workers:
        return "no", ["no worker answers"]
    out = [row for row in upstreams if row["state"] not in WELL]
    why = [f"{row['name']}: {row['state']}" for row in out]
    if out and len(out) == len(upstreams):
        return "no", why
    return ("partly" if out else "yes"), why

"""How it is just now, out of what each worker told: rates, whose fault errors are, percentiles. Pure.

Enters: the workers' pulses, now and some seconds ago (all counts in them only grow), and windows of finished calls.
Leaves: one plain value, which the page shows each second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.core.finished import Finished, Record
from penstock.core.sketch import count, quantile
from penstock.core.windows import Window

SPAN_SECONDS = 10.0
MOST_MODELS = 20
MOST_BLAMED = 20
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
STATES = ("open", "sick", "keys_at_rest", "half_open", "slow", "draining", "closed")
"""How an upstream may be, the worst first."""
Pulse = Mapping[str, Any]


def blamed(fault: str, upstream: str) -> str:
    """How errors are counted: by whose fault, and at which upstream."""
    return f"{fault} {upstream}"


def counts_of(rows: Iterable[Record], since: float) -> dict[str, Any]:
    """Of the newest finished calls (newest last) those that ended after ``since``: for who has no earlier pulse."""
    calls, faults = 0, dict[str, int]()
    for row in rows:
        call = Finished._make(row)
        if call.at < since:
            continue
        calls += 1
        if call.fault:
            name = blamed(call.fault, call.upstream)
            faults[name] = faults.get(name, 0) + 1
    return {"calls": calls, "faults": faults}


def models_of(windows: Iterable[Window]) -> list[dict[str, Any]]:
    """By model: calls, failures and percentiles over ``windows``, those with most calls first."""
    by_model: dict[str, Window] = {}
    for window in windows:
        for group in window.groups:
            by_model.setdefault(group.model, Window(window.start)).groups.append(group)
    rows: list[dict[str, Any]] = []
    for model, window in by_model.items():
        group = window.group()
        rows.append(
            {
                "model": model,
                "calls": group.calls,
                "failed": group.failed,
                "hits": group.hits,
                "ttft": {name: quantile(group.firsts, share) for name, share in SHARES} if group.firsts else None,
                "total": {name: quantile(group.totals, share) for name, share in SHARES} if group.totals else None,
                "measured": count(group.totals),
                "tokens_per_second": group.tokens_out / group.generating if group.generating > 0 else None,
            }
        )
    rows.sort(key=lambda row: -row["calls"])
    return rows[:MOST_MODELS]


def live(
    pulses: Sequence[Pulse], before: Mapping[int, Pulse], seconds: float, at: float, *, recent: bool = False
) -> dict[str, Any]:
    """One value. ``before``: the workers' counts ``seconds`` ago. ``recent``: that is not long enough ago; so of calls
    and faults take what each found in its last calls."""
    calls, faults, retries = 0, dict[str, int](), dict[str, int]()
    for pulse in pulses:
        grown = _grown(pulse, before.get(pulse["worker"]))
        if recent:
            grown |= pulse["recent"]
        calls += grown["calls"]
        for total, more in ((faults, grown["faults"]), (retries, grown["retries"])):
            for name, number in more.items():
                total[name] = total.get(name, 0) + number
    by_fault = {"caller": 0, "gateway": 0, "upstream": 0}
    blames = []
    for name, number in sorted(faults.items(), key=lambda one: -one[1]):
        fault, _, upstream = name.partition(" ")
        by_fault[fault] = by_fault.get(fault, 0) + number
        blames.append({"fault": fault, "upstream": upstream, "calls": number})
    return {
        "at": at,
        "workers": len(pulses),
        "span_seconds": seconds,
        "calls": calls,
        "calls_per_second": calls / seconds if seconds else 0.0,
        "in_flight": sum(pulse["in_flight"] for pulse in pulses),
        "queued": sum(pulse["queued"] for pulse in pulses),
        "faults": by_fault,
        "blamed": blames[:MOST_BLAMED],
        "retried": dict(sorted(retries.items(), key=lambda one: -one[1])[:MOST_BLAMED]),
        "streams": {name: sum(pulse["streams"][name] for pulse in pulses) for name in ("open", "slow", "rescued")},
        "memory": max((pulse["memory"] for pulse in pulses), key=lambda one: one["share"], default=None),
        "upstreams": _upstreams(pulses, at),
        "awaited": sorted({word for pulse in pulses for word in pulse["awaited"]}),
        "unserved": sorted(set.intersection(*(set(pulse["unserved"]) for pulse in pulses))) if pulses else [],
        **next((pulse["leads"] for pulse in pulses if pulse.get("leads") is not None), {"models": [], "parts": []}),
    }


def _grown(pulse: Pulse, before: Pulse | None) -> dict[str, Any]:
    """What a worker has counted since; a worker that began anew has counted all of it since."""
    if before is None or before["started"] != pulse["started"]:
        return dict(pulse)
    return {
        "calls": pulse["calls"] - before["calls"],
        **{
            name: {
                key: more for key, number in pulse[name].items() if (more := number - before[name].get(key, 0))
            }
            for name in ("faults", "retries")
        },
    }  # fmt: skip


def _upstreams(pulses: Sequence[Pulse], at: float) -> list[dict[str, Any]]:
    """One row an upstream: the worst that a worker says of it."""
    rows: dict[str, dict[str, Any]] = {}
    for pulse in pulses:
        for name, told in pulse["upstreams"].items():
            row = rows.setdefault(
                name, {"name": name, "state": "closed", "back_in": 0.0, "in_flight": 0, "share": 1.0, "workers": 0}
            )
            if _rank(told["state"]) < _rank(row["state"]):
                row["state"] = told["state"]
            row["back_in"] = max(row["back_in"], told["back_in"])
            row["share"] = min(row["share"], told["share"])
            row["in_flight"] += told["in_flight"]
            row["workers"] += told["state"] != "closed"
    for row in rows.values():
        row["returns_at"] = at + row["back_in"] if row["back_in"] > 0 else None
    return sorted(rows.values(), key=lambda row: (_rank(row["state"]), row["name"]))


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else 1

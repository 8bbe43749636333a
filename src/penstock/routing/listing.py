"""The upstreams as people and scalers see them: configured, and counted over all workers; and whom a fleet would miss
least. Pure.

Enters: the configuration in force, and what each worker told of its targets. Leaves: plain rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.core.line import Line
from penstock.routing.config import RoutingConfig
from penstock.routing.live import members
from penstock.routing.targets import Target

_COUNTS = ("in_flight", "served", "connections", "sessions", "blocks")
_RATES = ("first_token_seconds", "prefill_tokens_per_second", "seconds_per_token")


def counted(target: Target, *, connections: int, sessions: int) -> dict[str, Any]:
    """One worker's numbers of one target. ``blocks``: pieces of prompts that it likely has cached; ``learned``: how
    fast it is, None until it has been seen, and upon how many ``points`` that stands."""
    load = target.load
    points = load.first.weight
    return {
        "in_flight": target.in_flight,
        "served": target.served,
        "connections": connections,
        "sessions": sessions,
        "blocks": target.prefixes.held(target.slot),
        "learned": _learned(load.first, load.gap) if points else None,
    }


def _learned(first: Line, gap: Line) -> dict[str, float]:
    return {
        "first_token_seconds": first.base,
        "prefill_tokens_per_second": 1.0 / first.slope if first.slope else 0.0,
        "seconds_per_token": gap.at(1.0),
        "points": first.weight,
    }


def added_up(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The numbers of one upstream in two places. Rates are means, weighed by the points on which they stand."""
    total: dict[str, Any] = {key: one[key] + other[key] for key in _COUNTS}
    a, b = one["learned"], other["learned"]
    if a is None or b is None:
        total["learned"] = a or b
        return total
    points = a["points"] + b["points"]
    rates = {key: (a[key] * a["points"] + b[key] * b["points"]) / points for key in _RATES}
    total["learned"] = {**rates, "points": points}
    return total


def listing(
    routing: RoutingConfig, told: Sequence[Mapping[str, dict[str, Any]]], *, complete: bool
) -> list[dict[str, Any]]:
    """A row an upstream, those last that only end their calls. ``still_serves``: models all of whose upstreams drain:
    calls have nowhere else to go, so they still come. ``drained``: it is empty and will stay so; that can be said
    only when the workers' tales are ``complete``."""
    numbers: dict[str, dict[str, Any]] = {}
    for worker in told:
        for name, row in worker.items():
            numbers[name] = added_up(numbers[name], row) if name in numbers else row
    serving = members(routing)
    models: dict[str, list[str]] = {}
    for pattern, model in routing.models.items():
        lists = [(pattern, model.upstreams)]
        if model.canary is not None:
            lists.append((f"{pattern}@canary", model.canary.upstreams))
        for label, names in lists:
            for name in [at for upstream in names for at in serving[upstream]]:
                if not model.regions or routing.upstreams[name].region in model.regions:
                    models.setdefault(name, []).append(label)
    idle = dict.fromkeys(_COUNTS, 0) | {"learned": None}
    rows = []
    for name in [at for names in serving.values() for at in names]:
        upstream = routing.upstreams[name]
        counts = numbers.pop(name, idle)
        rows.append(
            {
                "name": name,
                "kind": upstream.kind,
                "region": upstream.region,
                "weight": upstream.weight,
                "models": models.get(name, []),
                "draining": upstream.drain,
                **counts,
            }
        )
    leaving: dict[str, Any] = {"kind": None, "region": None, "weight": 0, "models": [], "draining": True}
    rows += [{"name": name, **leaving, **counts} for name, counts in numbers.items()]
    left = {model for row in rows if not row["draining"] for model in row["models"]}
    for row in rows:
        row["still_serves"] = [model for model in row["models"] if model not in left]
        row["drained"] = row["draining"] and complete and not row["in_flight"] and not row["still_serves"]
    return rows


def losses(rows: Sequence[dict[str, Any]]) -> list[float]:
    """What the loss of each would cost: calls/Σ + sessions/Σ + blocks/Σ, its shares of what all of them hold."""
    totals = {key: sum(row[key] for row in rows) or 1 for key in ("in_flight", "sessions", "blocks")}
    return [float(sum(row[key] / total for key, total in totals.items())) for row in rows]


def victim(rows: Sequence[dict[str, Any]], model: str) -> dict[str, Any] | None:
    """The upstream of ``model`` whose loss costs least, None where none can be spared.

    One that drains already, the emptiest first. Else the least of ``losses`` among the model's upstreams. Never the
    last that serves some model.
    """
    serving: dict[str, int] = {}
    for row in rows:
        for pattern in row["models"]:
            serving[pattern] = serving.get(pattern, 0) + (not row["draining"])
    mine = [row for row in rows if model in row["models"]]
    loss = {row["name"]: cost for row, cost in zip(mine, losses(mine), strict=True)}
    spared = [
        row
        for row in mine
        if not row["still_serves"] and (row["draining"] or all(serving[pattern] > 1 for pattern in row["models"]))
    ]
    best = min(spared, key=lambda row: (not row["draining"], loss[row["name"]], row["name"]), default=None)
    return None if best is None else {"upstream": best["name"], "loss": loss[best["name"]], "drained": best["drained"]}

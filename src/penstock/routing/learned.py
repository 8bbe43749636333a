"""What a worker's routing has learned of its upstreams, as plain values for metrics and status. Pure.

Enters: the targets and what their strategies share. Leaves: a row for each target, under its upstream's name (while a
reload replaces one there are two); in it, rates are None until they were measured there, and what its metrics page told
is None when that is not fresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.core.line import Line
from penstock.routing.load import FRESH_SECONDS
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target

LEAST_POINTS = 8
"""Calls before which a rate is still more a guess than a measurement."""


def learned(targets: Iterable[Target], shared: Shared, now: float) -> dict[str, Any]:
    """``rows``: pairs of name and row; ``sessions``: how many are remembered."""
    return {"rows": [[target.name, _row(target, now)] for target in targets], "sessions": len(shared.sessions)}


def _row(target: Target, now: float) -> dict[str, float | None]:
    load = target.load
    first, gap, told = load.first, load.gap, load.scraped
    peers = load.peers
    if told is not None and now - told.at > FRESH_SECONDS:
        told = None
    return {
        "waiting_tokens": load.waiting,
        "decoding": load.decoding,
        "prefix_blocks": target.prefixes.held(target.slot),
        "prefill_rate": 1.0 / first.slope if _is_measured(first, peers.first) and first.slope > 0.0 else None,
        "token_seconds": gap.at(1.0) if _is_measured(gap, peers.gap) else None,
        "kv_use": None if told is None else told.kv,
        "reported_calls": None if told is None or told.running is None else told.running + (told.waiting or 0.0),
    }


def _is_measured(line: Line, of_all: Line) -> bool:
    """An upstream goes by the line of all until it has one of its own."""
    return line is not of_all and line.weight >= LEAST_POINTS

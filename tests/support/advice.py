"""What recommendations are made from, for their tests: calls of some minutes, and how the gateway is set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.core.finished import Record
from penstock.insight.findings import Bottleneck
from penstock.insight.recommending.known import Known, Model, Settings
from penstock.insight.report.totals import Totals
from tests.support.spans import window

MODELS = {"m": Model("least_connections", ("up", "b")), "n": Model(upstreams=("b",))}


def known(calls: Iterable[Record] = (), *, seconds: float = 1000.0, bottlenecks: Iterable[Bottleneck] = (),
          leak: dict[str, Any] | None = None, suggestions: Iterable[tuple[str, str, str]] = (),
          **settings: Any) -> Known:  # fmt: skip
    """What was seen in so many seconds."""
    totals = Totals()
    totals.add(window(0, calls))
    totals.seconds = seconds
    return Known(
        totals, Settings(**{"exact": True, "models": MODELS} | settings), list(bottlenecks), leak, list(suggestions)
    )


def bottleneck(kind: str, name: str = "", action: str = "", **evidence: float) -> Bottleneck:
    """One that costs half of the calls 100 ms."""
    return Bottleneck(
        kind=kind, name=name, severity="high", description=f"{kind} is short", evidence=evidence, impact=0.1, share=0.5,
        recommendation="Do something.", action=action,
    )  # fmt: skip

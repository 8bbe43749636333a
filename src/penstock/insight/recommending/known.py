"""What recommendations are made from: totals of a span, what stands, and how the gateway is set. Pure.

Enters and leaves nothing by itself: these are the nouns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from penstock.insight.findings import Bottleneck
from penstock.insight.report.totals import Totals

DAY = 86_400.0
LEAST_CALLS = 100
LEAST_SECONDS = 600.0
"""Before so many, of so long a time, nothing is recommended from calls: what a day would bring is reckoned from it."""


class Model(NamedTuple):
    """How a model is set. ``prices``: dollars for a million tokens in and out, by upstream, where they are given."""

    strategy: str = "adaptive"
    upstreams: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    prices: Mapping[str, tuple[float, float]] = {}


class Settings(NamedTuple):
    """What of the configuration matters here; what is not installed counts as off."""

    workers: int = 1
    exact: bool = False
    semantic: bool = False
    ttl: float = 3600.0
    batching: bool = False
    affinity: bool = True
    group_by: str = "none"
    hedge: bool = False
    first_token: float = 30.0
    models: Mapping[str, Model] = {}


class Known(NamedTuple):
    """``leak``: the last alarm of the leak watch, with its ``age`` in seconds; ``suggestions``: (about, name, text) of
    the memory slice."""

    totals: Totals
    settings: Settings
    bottlenecks: Sequence[Bottleneck] = ()
    leak: Mapping[str, Any] | None = None
    suggestions: Sequence[tuple[str, str, str]] = ()

    def a_day(self, amount: float) -> float:
        """What ``amount`` in the span makes in a day."""
        return amount * DAY / self.totals.seconds if self.totals.seconds else 0.0

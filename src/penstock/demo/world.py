"""A gateway's traffic in virtual time: windows of ten seconds, as the gateway counts them, made in microseconds. Pure.

Enters: chance, and how slow each upstream is now. Leaves: windows for the same code that judges real ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random

from penstock.core.sketch import put
from penstock.core.windows import SPAN, Group, Window

BEGIN = 1_800_000_000.0
GRID = 20
_SHAPE = [math.exp(0.4 * math.sqrt(2) * _erf) for _erf in (
    -1.386, -1.018, -0.813, -0.661, -0.534, -0.423, -0.321, -0.225, -0.133, -0.044,
    0.044, 0.133, 0.225, 0.321, 0.423, 0.534, 0.661, 0.813, 1.018, 1.386,
)]  # fmt: skip
"""Latencies at twenty quantiles, the median 1: log-normal, as answers are."""


class World:
    """Calls of one model at some upstreams. ``calls``: in a window, at each."""

    def __init__(self, draw: Random, upstreams: tuple[str, ...], calls: int = 100) -> None:
        self._draw = draw
        self._upstreams = upstreams
        self._calls = calls
        self.now = BEGIN

    def window(self, first: float, slow: Mapping[str, float] | None = None) -> Window:
        """The next one. ``first``: median seconds to the first word; ``slow``: times that, by upstream."""
        factors = slow or {}
        groups = [self._group(name, first * factors.get(name, 1.0)) for name in self._upstreams]
        window = Window(self.now, SPAN, groups=groups)
        self.now += SPAN
        return window

    def _group(self, upstream: str, first: float) -> Group:
        calls = max(GRID, round(self._draw.gauss(self._calls, self._calls**0.5)))
        group = Group("chat", "demo", upstream, calls=calls, streams=calls)
        own = first * math.exp(self._draw.gauss(0, 0.03))
        for shape in _SHAPE:
            put(group.firsts, shape * own, calls // GRID)
            put(group.totals, shape * own * 4, calls // GRID)
        group.tokens_in, group.tokens_out = 200 * calls, 100 * calls
        group.first_byte = group.prefill = own * calls
        group.generating = 3 * own * calls
        group.total = 4 * own * calls
        return group

    def __repr__(self) -> str:
        return f"<World {(self.now - BEGIN) / 60:.0f} min>"

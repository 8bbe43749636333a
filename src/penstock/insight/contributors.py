"""Which part of the calls explains a change: the model, the upstream, the key, the length of prompts, the error. Pure.

Two ways. Of changes that are ratios (``whose``): each model, upstream, pair of them and the whole is taken for the one
that has changed, the rest for being as usual; the guess that leaves the least unexplained wins, simpler ones first. Of
sums (``shares``): Adtributor (Bhagwan et al., NSDI 2014): values whose share differs most from what was expected (the
surprise, a Jensen-Shannon divergence) and which together explain most of the change; the most surprising one first.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock.core.windows import OTHER, Part, Window
from penstock.insight.findings import Contributor

EXPLAINS = 0.67
"""The share of a change that the values of a dimension must explain together; each of them ``PARTLY`` at least."""
PARTLY = 0.1
SURPRISE = 0.005
"""Of a dimension, from where on it is one that explains anything."""
SIMPLE = {"gateway": 0.0, "upstream": 3.0, "model": 3.0, "pair": 14.0}
"""What a guess must explain more than a simpler one, in squared standard deviations."""
LAG, RECENT = 15, 6
"""Windows: older ones tell what is usual, so many of the newest what is now."""
DECAY = 0.5 ** (1 / 180)
MOST_VALUES = 400
KNOWN = 36.0
"""Squared standard deviations that one cell shows at most: a fault is not the same everywhere to the last percent."""


class Cell(NamedTuple):
    """A model at an upstream: its change, and how well that is known (one by its variance)."""

    model: str
    upstream: str
    change: float
    weight: float

    def name(self, dimension: str) -> str:
        """What it belongs to: ``upstream``, ``model``, ``pair`` or ``gateway``, which is one."""
        if dimension == "gateway":
            return "all"
        return f"{self.model} at {self.upstream}" if dimension == "pair" else str(getattr(self, dimension))


def whose(*measures: Iterable[Cell]) -> Contributor | None:
    """Who has changed: ``upstream``, ``model``, ``pair`` (``model at upstream``) or ``gateway``; None without cells.
    Of several measures that change together: the one who explains them all best."""
    fields = [_bounded(cells) for cells in measures]
    cells = [cell for field in fields for cell in field]
    if not cells:
        return None
    guesses = [("gateway", "all")] if len({cell[:2] for cell in cells}) > 1 else []
    guesses += dict.fromkeys((one, cell.name(one)) for one in ("upstream", "model", "pair") for cell in cells)
    whole = sum(cell.change**2 * cell.weight for cell in cells) or 1e-12
    best, least = ("gateway", "all"), math.inf
    for guess in guesses:
        left = whole - sum(_explained(guess, field) for field in fields) + SIMPLE[guess[0]]
        if left < least:
            best, least = guess, left
    return Contributor(best[0], best[1], round(max(0.0, min(1.0, 1 - (least - SIMPLE[best[0]]) / whole)), 3))


def _bounded(cells: Iterable[Cell]) -> list[Cell]:
    cells = list(cells)
    surest = max(cells, key=lambda cell: cell.change**2 * cell.weight, default=None)
    if surest is None or not surest.change:
        return cells
    most = KNOWN / surest.change**2
    return [cell._replace(weight=min(cell.weight, most)) for cell in cells]


def _explained(guess: tuple[str, str], cells: Iterable[Cell]) -> float:
    """What one change of all cells of the guess explains, in squared standard deviations."""
    inside = [cell for cell in cells if cell.name(guess[0]) == guess[1]]
    weight = sum(cell.weight for cell in inside)
    return sum(cell.change * cell.weight for cell in inside) ** 2 / weight if weight else 0.0


def shares(expected: Mapping[str, float], actual: Mapping[str, float]) -> tuple[float, list[Contributor]]:
    """The surprise of a dimension, and the values that explain the change of its sum, the most surprising first."""
    before, now = sum(expected.values()), sum(actual.values())
    change = now - before
    if before <= 0 or now <= 0 or not change:
        return 0.0, []
    found = []
    for value in {*expected, *actual}:
        had, has = expected.get(value, 0.0), actual.get(value, 0.0)
        found.append((surprise(had / before, has / now), (has - had) / change, value))
    found.sort(reverse=True)
    explained, surprising, named = 0.0, 0.0, []
    for odd, power, value in found:
        if power < PARTLY:
            continue
        named.append(Contributor("", value, round(min(1.0, power), 3)))
        explained, surprising = explained + power, surprising + odd
        if explained >= EXPLAINS:
            return surprising, named
    return 0.0, []


def surprise(had: float, has: float) -> float:
    """The Jensen-Shannon divergence of two shares."""
    middle = (had + has) / 2
    return 0.5 * (_term(had, middle) + _term(has, middle))


def _term(share: float, middle: float) -> float:
    return share * math.log(share / middle) if share > 0 else 0.0


class Parts:
    """What is usual and what is now in each value of each dimension of the windows, bounded."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, dict[str, Part]]] = deque()
        self._usual: dict[str, dict[str, list[float]]] = {}
        self._windows = 0.0

    def take(self, window: Window, learns: bool = True) -> None:
        """Count a window; it is usual two minutes later if then ``learns``."""
        self._kept.append(window.parts)
        if len(self._kept) > LAG:
            parts = self._kept.popleft()
            if learns:
                self._learn(parts)

    def _learn(self, parts: Mapping[str, Mapping[str, Part]]) -> None:
        self._windows = self._windows * DECAY + 1
        for usual in self._usual.values():
            for sums in usual.values():
                for at, one in enumerate(sums):
                    sums[at] = one * DECAY
        for dimension, values in parts.items():
            known = self._usual.setdefault(dimension, {})
            for value, part in values.items():
                name = value if value in known or len(known) < MOST_VALUES else OTHER
                sums = known.setdefault(name, [0.0] * len(FIELDS))
                for at, field in enumerate(FIELDS):
                    sums[at] += getattr(part, field)
        for known in self._usual.values():
            for value in [value for value, sums in known.items() if sums[0] < 0.01]:
                del known[value]

    def usual(self, dimension: str, field: str) -> dict[str, float]:
        """By value, what is expected in as many windows as ``now`` gives."""
        at = FIELDS.index(field)
        per = RECENT / self._windows if self._windows else 0.0
        return {value: sums[at] * per for value, sums in self._usual.get(dimension, {}).items()}

    def now(self, dimension: str, field: str) -> dict[str, float]:
        """By value, what the newest windows hold."""
        found: dict[str, float] = {}
        for parts in list(self._kept)[-RECENT:]:
            for value, part in parts.get(dimension, {}).items():
                found[value] = found.get(value, 0.0) + getattr(part, field)
        per = RECENT / max(1, min(RECENT, len(self._kept)))
        return {value: total * per for value, total in found.items()}

    def explain(self, field: str, dimensions: Iterable[str]) -> list[Contributor]:
        """The values that explain the change of the sum of ``field``, by the most surprising of ``dimensions``."""
        best: tuple[float, list[Contributor]] = (SURPRISE, [])
        for dimension in dimensions:
            odd, found = shares(self.usual(dimension, field), self.now(dimension, field))
            if odd > best[0]:
                best = odd, [Contributor(dimension, one.value, one.share) for one in found]
        return best[1]


FIELDS = tuple(Part.__struct_fields__)

"""When to look for garbage that refers to itself, and how much of it. Pure: time, load and pressure are passed in.

Enters: the share of the memory limit in use, calls in flight, how late the event loop is. Leaves: thresholds for
Python's own young collections, and which larger one is due at this moment. ``young`` looks at what came since the last
one; ``full`` at all that is not frozen, and freezes what remains; ``deep`` at everything.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from penstock.memory.collector_config import CollectorConfig

Kind = Literal["young", "full", "deep"]

CALM_LAG_SECONDS = 0.005
"""A loop that wakes so little late has nothing else to do."""
FULL_SECONDS = 600.0
"""Between two looks at all that is not frozen, under no pressure."""
DEEP_SECONDS = 3600.0
"""Between two looks at everything, if there is a moment without calls."""
MOST_SHARE = 0.001
"""Of all time that full collections may take when they are not forced: the next waits so much longer than it took."""
EARLY = 4
"""A young collection is made in an idle moment once the count is at a quarter of the threshold."""


class Thresholds(NamedTuple):
    """What ``gc.set_threshold`` takes: new objects, young collections, middle collections."""

    young: int
    middle: int
    old: int


RELAXED = Thresholds(100_000, 20, 50)
ORDINARY = Thresholds(50_000, 20, 50)
EAGER = Thresholds(25_000, 10, 20)


def thresholds(share: float, present: Thresholds, config: CollectorConfig) -> Thresholds:
    """By the share of the limit that is in use; between low and moderate as they are."""
    if share > config.high:
        return EAGER
    if share > config.moderate:
        return ORDINARY
    return RELAXED if share < config.low else present


class Collector:
    """What is due, and whether now is the moment. ``counts`` says why collections were made."""

    def __init__(self, config: CollectorConfig, now: float) -> None:
        self.config = config
        self.thresholds = ORDINARY
        self.forced = False
        self._due: dict[Kind, float] = {}
        self._pauses: dict[Kind, float] = {"young": 0.0, "full": 0.0, "deep": 0.0}
        self._looked = now
        self._made = float("-inf")
        self._full_at = now + FULL_SECONDS
        self._deep_at = now + DEEP_SECONDS

    def look(self, now: float, share: float) -> Thresholds | None:
        """The thresholds to be set, where it is time and they change. Under high pressure a collection is forced."""
        if now - self._looked < self.config.every:
            return None
        self._looked = now
        wanted = thresholds(share, self.thresholds, self.config)
        if wanted is EAGER and now - self._made >= self.config.every:  # else somebody has just had it made
            self.force(now)
        if wanted == self.thresholds:
            return None
        self.thresholds = wanted
        return wanted

    def want(self, kind: Kind, now: float) -> None:
        """``kind`` is due from now on; it waits for a good moment."""
        self._due.setdefault(kind, now)

    def force(self, now: float) -> None:
        """Everything is to be looked at, at the next moment, however many calls are in flight."""
        self.want("deep", now)
        self.forced = True

    def choose(self, now: float, in_flight: int, lag: float, young: int) -> Kind | None:
        """The collection to be made at this moment, if any. ``young``: new objects that Python counts."""
        if now >= self._full_at:
            self.want("full", now)
        if now >= self._deep_at and not in_flight:
            self.want("deep", now)
        for kind in ("deep", "full"):  # the larger one is the smaller one, too
            since = self._due.get(kind)
            if since is not None and self._may(kind, now - since, in_flight, lag):
                return kind
        idle = not in_flight or lag < CALM_LAG_SECONDS
        if idle and young > self.thresholds.young // EARLY and self._pauses["young"] <= self.config.pause:
            return "young"
        return None

    def _may(self, kind: Kind, waited: float, in_flight: int, lag: float) -> bool:
        if not in_flight or waited >= self.config.postpone or (kind == "deep" and self.forced):
            return True
        return lag < CALM_LAG_SECONDS and 0.0 < self._pauses[kind] <= self.config.pause

    def done(self, kind: Kind, now: float, pause: float) -> None:
        """``kind`` was made, and everything stood for ``pause`` seconds."""
        self._pauses[kind] = pause
        if kind == "young":
            return
        self._pauses["young"] = 0.0  # what made it long is frozen now
        self._due.pop("full", None)
        self._full_at = now + max(FULL_SECONDS, pause / MOST_SHARE)
        if kind == "deep":
            self._made = now
            self._due.pop("deep", None)
            self._deep_at = now + max(DEEP_SECONDS, pause / MOST_SHARE)
            self.forced = False

    def __repr__(self) -> str:
        return f"<Collector {tuple(self.thresholds)}, due {', '.join(self._due) or 'nothing'}>"

"""A new version of a model on trial: a share of the calls goes to it, both versions are measured, and one stays. Pure.

A version is worse when its mean is worse than the other's by more than is tolerated, by three standard errors; it is
fit when the same margin lies on the good side. Looked at only when the calls on trial have doubled since the last look,
so that looking often does not find what is not there (a dozen looks at 0.0013 each: under 2 % false alarms).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["running", "fit", "promoted", "rolled_back"]

FIRST_LOOK = 8
ERRORS = 3.0
"""Standard errors."""


@dataclass(slots=True)
class Sum:
    """Of a measure: number, sum and sum of squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.squares += value * value

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    @property
    def variance_of_mean(self) -> float:
        """None can be told of fewer than two values: then anything may be."""
        if self.count < 2:
            return math.inf
        return max(0.0, self.squares / self.count - self.mean**2) / (self.count - 1)


@dataclass(slots=True)
class Side:
    """What was measured of one version. ``first`` and ``gap`` hold logarithms of seconds: ratios are what counts."""

    calls: int = 0
    failures: int = 0
    first: Sum = field(default_factory=Sum)
    gap: Sum = field(default_factory=Sum)
    liked: int = 0
    disliked: int = 0

    def failed(self) -> None:
        """One attempt at it failed by its own fault."""
        self.calls += 1
        self.failures += 1

    def answered(self, first: float, gap: float) -> None:
        """It answered: seconds to the first token, and between tokens (0: not known)."""
        self.calls += 1
        if first > 0:
            self.first.add(math.log(first))
        if gap > 0:
            self.gap.add(math.log(gap))

    def hear(self, *, liked: bool) -> None:
        """A caller thought so of its answer."""
        if liked:
            self.liked += 1
        else:
            self.disliked += 1

    def told(self) -> dict[str, Any]:
        """For people: counts, and typical seconds (geometric means)."""
        return {
            "calls": self.calls,
            "failures": self.failures,
            "first_token_seconds": math.exp(self.first.mean) if self.first.count else None,
            "token_seconds": math.exp(self.gap.mean) if self.gap.count else None,
            "liked": self.liked,
            "disliked": self.disliked,
        }

    def load(self, dump: dict[str, Any]) -> None:
        """Add another worker's numbers."""
        for name in ("calls", "failures", "liked", "disliked"):
            setattr(self, name, getattr(self, name) + dump[name])
        for name in ("first", "gap"):
            mine: Sum = getattr(self, name)
            mine.count += dump[name]["count"]
            mine.total += dump[name]["total"]
            mine.squares += dump[name]["squares"]


@dataclass(frozen=True, slots=True)
class Rules:
    """When a version is worse. ``errors`` and ``dislikes``: shares more; ``slower``: share of time more."""

    errors: float = 0.02
    slower: float = 0.2
    dislikes: float = 0.05
    least_calls: int = 200
    promote: bool = False


class Trial:
    """The state in one worker: which share goes to the new version, and what was measured here."""

    __slots__ = ("_planned", "new", "old", "reason", "rules", "share", "uniform", "verdict")

    def __init__(self, share: float, rules: Rules, uniform: Callable[[float, float], float]) -> None:
        self.share = self._planned = share
        self.rules = rules
        self.uniform = uniform
        self.new = Side()
        self.old = Side()
        self.verdict: Verdict = "running"
        self.reason = ""

    def takes(self, session: str) -> bool:
        """Whether a call goes to the new version. A session stays with one of them as long as the share stands."""
        if self.share <= 0.0 or self.share >= 1.0:
            return self.share >= 1.0
        place = zlib.crc32(session.encode()) / 2**32 if session else self.uniform(0.0, 1.0)
        return place < self.share

    def decide(self, verdict: Verdict, reason: str) -> None:
        """End the trial, say that the new version is fit, or go on."""
        self.verdict = verdict
        self.reason = reason
        self.share = {"promoted": 1.0, "rolled_back": 0.0}.get(verdict, self._planned)

    def dump(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "share": self.share,
            "verdict": self.verdict,
            "reason": self.reason,
            "rules": asdict(self.rules),
            "new": asdict(self.new),
            "old": asdict(self.old),
        }

    def __repr__(self) -> str:
        return f"<Trial {self.verdict}, {self.new.calls} calls of {self.share:.0%}>"


def look_due(calls: int, looked: int) -> bool:
    """Whether the calls on trial have doubled since the look at ``looked`` calls."""
    return calls >= max(FIRST_LOOK, 2 * looked)


def judge(new: Side, old: Side, rules: Rules) -> tuple[Verdict, str]:
    """``rolled_back`` when the new version is worse, ``promoted`` or ``fit`` when surely not, else ``running``."""
    margins = {
        "fails more often": _shares(new.failures, new.calls, old.failures, old.calls, rules.errors),
        "is slower to its first token": _means(new.first, old.first, math.log1p(rules.slower)),
        "is slower between tokens": _means(new.gap, old.gap, math.log1p(rules.slower)),
        "is liked less": _shares(
            new.disliked, new.liked + new.disliked, old.disliked, old.liked + old.disliked, rules.dislikes
        ),
    }
    for what, (excess, error) in margins.items():
        if excess > ERRORS * error:
            return "rolled_back", f"it {what}"
    known = [pair for pair in margins.values() if pair[1] < math.inf]
    if new.calls >= rules.least_calls and all(excess < -ERRORS * error for excess, error in known):
        return ("promoted" if rules.promote else "fit"), "it is no worse within what is tolerated"
    return "running", ""


def _shares(new: int, new_of: int, old: int, old_of: int, tolerated: float) -> tuple[float, float]:
    """By how much the new share is over the old and what is tolerated, and the standard error of that.

    Each share is taken with one more of both kinds (Agresti and Caffo 2000), so that none of few is not surely none.
    """
    if not new_of or not old_of:
        return 0.0, math.inf
    p, q = (new + 1) / (new_of + 2), (old + 1) / (old_of + 2)
    return p - q - tolerated, math.sqrt(p * (1 - p) / (new_of + 2) + q * (1 - q) / (old_of + 2))


def _means(new: Sum, old: Sum, tolerated: float) -> tuple[float, float]:
    return new.mean - old.mean - tolerated, math.sqrt(new.variance_of_mean + old.variance_of_mean)

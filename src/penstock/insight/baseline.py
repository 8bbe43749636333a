"""What is usual for one measure: its own recent past, and its past at this time of day and of week. Pure.

Enters: pairs (a, b) by window, a total and what it is shared among, so that a/b is the measure and pairs add up.
Leaves: what is expected of a pair, and how far it is off in standard deviations. Nothing is known before ``LEARNED``
windows and ``LEAST`` in all of b. The spread is the series' own: by how much its pairs were off until now, for each
length of time. Ratios of means are compared by their cube roots (Wilson and Hilferty, PNAS 17, 1931).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from statistics import NormalDist, median
from typing import Any, Literal, NamedTuple

How = Literal["log", "ratio", "share", "count"]
"""``log``: a is a sum of logarithms, the measure their mean. ``ratio``: a over b, told as ratios. ``share``:
a of b. ``count``: a in b windows."""
LEARNED = 60
LEAST = {"log": 60.0, "ratio": 60.0, "share": 60.0, "count": 60.0}
HALF = {"log": 180.0, "ratio": 180.0, "share": 180.0, "count": 60.0}
"""Windows with calls after which a window counts half."""
SPREADS = 1 / 3000
"""How fast the spread is learned, once it is."""
CLIP = 9.0
SLOT = 900.0
DAY, WEEK = 96, 672
"""Slots."""
DAYS = 3
_PLAIN = NormalDist()


class Verdict(NamedTuple):
    """``change`` is ln(actual / expected) (of a share: the difference), ``off`` that in standard deviations, ``of``
    what it is taken from (b)."""

    actual: float
    expected: float
    change: float
    off: float
    of: float


class Profile:
    """A week of a measure by quarters of an hour, 4 bytes each."""

    __slots__ = ("_a", "_b", "_ring", "_slot")

    def __init__(self) -> None:
        self._ring = array("f", [math.nan]) * (WEEK + 2)
        self._slot = -1
        self._a = self._b = 0.0

    def put(self, time: float, a: float, b: float) -> None:
        """Count a pair of ``time``, which does not go back."""
        slot = int(time // SLOT)
        if slot != self._slot:
            self._turn(slot)
        self._a += a
        self._b += b

    def _turn(self, slot: int) -> None:
        ring = self._ring
        if self._slot >= 0:
            ring[self._slot % len(ring)] = self._a / self._b if self._b else math.nan
            for missing in range(max(self._slot + 1, slot - len(ring)), slot):
                ring[missing % len(ring)] = math.nan
        self._slot, self._a, self._b = slot, 0.0, 0.0

    def usual(self, time: float) -> list[float]:
        """What it was at this time of day, and of week; empty where too little is known."""
        slot, ring = int(time // SLOT), self._ring
        if self._slot < 0 or not 0 <= slot - self._slot < 4:
            return []
        found = []
        days = [self._around(ring, slot - day * DAY) for day in range(1, DAYS + 1)]
        known = [value for values in days for value in values]
        if sum(map(bool, days)) >= 2:
            found.append(median(known))
        week = self._around(ring, slot - WEEK)
        if week:
            found.append(median(week))
        return found

    def _around(self, ring: array[float], slot: int) -> list[float]:
        values = []
        for near in (slot - 1, slot, slot + 1):
            if self._slot - WEEK - 1 <= near < self._slot:
                value = ring[near % len(ring)]
                if not math.isnan(value):
                    values.append(value)
        return values

    def dump(self) -> list[Any]:
        """As plain values."""
        return [self._slot, self._a, self._b, self._ring.tobytes()]

    def load(self, kept: Iterable[Any]) -> None:
        """Go on from what ``dump`` gave. Raises ValueError for something else."""
        slot, a, b, text = kept
        ring = array("f")
        ring.frombytes(text)
        if len(ring) != len(self._ring):
            raise ValueError(f"a profile of {len(ring)} slots")
        self._slot, self._a, self._b, self._ring = int(slot), float(a), float(b), ring


class Series:
    """One measure of one scope. ``spans``: for how many lengths of time it is judged. ``level`` is the usual a/b, None
    while it is not known."""

    __slots__ = ("_a", "_b", "_decay", "_how", "_least", "_scales", "_seen", "_spreads", "_windows", "level", "profile")

    def __init__(self, how: How, spans: int, has_profile: bool = False) -> None:
        self._how: How = how
        self._a = self._b = 0.0
        self._decay = 0.5 ** (1 / HALF[how])
        self._windows = 0
        self._least = 0.02 if how in ("log", "ratio") else 1.0
        self._spreads = [1.0] * spans
        self._scales = [1.0] * spans
        self._seen = [0] * spans
        self.level: float | None = None
        self.profile = Profile() if has_profile else None

    def learn(self, time: float, a: float, b: float) -> None:
        """What happened in a window is usual."""
        if b <= 0.0:
            return
        self._a = self._a * self._decay + a
        self._b = self._b * self._decay + b
        self._windows += 1
        self._find_level()
        if self.profile is not None:
            self.profile.put(time, a, b)

    def note(self, time: float, a: float, b: float) -> None:
        """What happened in a window is not usual, but may be so at this time of day: one odd day makes no habit."""
        if self.profile is not None and b > 0.0:
            self.profile.put(time, a, b)

    def _find_level(self) -> None:
        amount = self._a if self._how == "count" else self._b
        if self._windows >= LEARNED and (self.level is not None or amount >= LEAST[self._how]) and self._b:
            self.level = self._a / self._b

    def forget(self) -> None:
        """What was usual is no more: learn anew from now on."""
        self._a = self._b = 0.0
        self._windows = 0
        self.level = None

    def off(self, a: float, b: float, span: int) -> float:
        """About how far a pair is off what is usual, in standard deviations; 0 where nothing is known."""
        return 0.0 if self.level is None or b <= 0.0 else self._raw(a, b, self.level) * self._scales[span]

    def judge(self, a: float, b: float, span: int) -> Verdict | None:
        """A pair over ``span`` (its number); None where nothing is known."""
        level = self.level
        if level is None or b <= 0.0:
            return None
        change, expected = self._change(a, b, level), level
        actual = a / b
        if self._how == "log":
            actual, expected = math.exp(actual), math.exp(level)
        elif self._how == "share":
            expected = self._share()
        return Verdict(actual, expected, change, self._raw(a, b, level) * self._scales[span], b)

    def scale(self, span: int) -> float:
        """What the deviations by chance alone are multiplied with: the series may move more than that."""
        return self._scales[span]

    def spread(self, span: int, off: float) -> None:
        """A pair was ``off`` (as ``off`` says) though nothing is wrong."""
        self._seen[span] += 1
        now = self._spreads[span]
        raw = off / self._scales[span]
        now += (min(raw * raw, CLIP * now) - now) * max(1 / (self._seen[span] + 20), SPREADS)
        self._spreads[span] = now
        self._scales[span] = 1 / math.sqrt(max(self._least, now))

    def _share(self) -> float:
        return (self._a + 0.5) / (self._b + 1.0)

    def _raw(self, a: float, b: float, level: float) -> float:
        how = self._how
        if how == "share":
            return unlikely(a, b, self._share())
        if how == "count":
            return 2 * (math.sqrt(a + 0.25) - math.sqrt(b * level + 0.25))
        if how == "ratio":  # means of what is skewed are, too: the cube root of their ratio is not
            return 3 * (math.exp(self._change(a, b, level) / 3) - 1) * math.sqrt(b)
        return self._change(a, b, level) * math.sqrt(b)

    def _change(self, a: float, b: float, level: float) -> float:
        how = self._how
        if how == "log":
            return a / b - level
        if how == "ratio":
            return math.log(max(a / b, level / 100 + 1e-12) / max(level, 1e-12))
        if how == "share":
            return a / b - self._share()
        return math.log((a + 0.5) / (b * level + 0.5))

    def against(self, a: float, b: float, usual: float) -> float:
        """The change of a pair against another level than its own."""
        return a / b - usual if self._how == "share" else self._change(a, b, usual)

    def dump(self) -> list[Any]:
        """As plain values."""
        return [
            self._how, self._a, self._b, self._windows, self._spreads, self._seen,
            None if self.profile is None else self.profile.dump(),
        ]  # fmt: skip

    def load(self, kept: Iterable[Any]) -> None:
        """Go on from what ``dump`` gave. Raises ValueError for something else."""
        how, a, b, windows, spreads, seen, profile = kept
        if how != self._how or len(spreads) != len(self._spreads):
            raise ValueError(f"a series of {how}")
        self._a, self._b, self._windows = float(a), float(b), int(windows)
        self._spreads, self._seen = list(spreads), list(seen)
        self._scales = [1 / math.sqrt(max(self._least, one)) for one in self._spreads]
        self._find_level()
        if self.profile is not None and profile is not None:
            self.profile.load(profile)

    def __repr__(self) -> str:
        return f"<Series {self._how} after {self._windows} windows, usually {self.level}>"


def unlikely(hits: float, of: float, share: float) -> float:
    """How far ``hits`` of ``of`` are off ``share``, in standard deviations of the same chance: by the binomial itself,
    as shares near 0 and few calls are not normal at all (Clopper and Pearson, Biometrika 26, 1934)."""
    spread = math.sqrt(of * share * (1 - share))
    off = (hits - of * share) / spread if spread > 0 else 0.0
    if spread > 5.0 or of > 500 or -2.0 < off < 2.0:
        return off
    number, place = round(of), min(round(hits), round(of))
    term = math.exp(
        math.lgamma(number + 1) - math.lgamma(place + 1) - math.lgamma(number - place + 1)
        + place * math.log(share) + (number - place) * math.log(1 - share)
    )  # fmt: skip
    odds, chance = share / (1 - share), 0.0
    while 0 <= place <= number and term > 1e-4 * chance:
        chance += term
        if off > 0:
            term *= odds * (number - place) / (place + 1)
            place += 1
        else:
            term *= place / (odds * (number - place + 1))
            place -= 1
    size = -_PLAIN.inv_cdf(min(0.5, max(chance, 1e-30)))
    return size if off > 0 else -size

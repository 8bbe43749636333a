"""What a replica carries at the latency goal, learned from what replicas did: a saturation curve. Pure.

Enters: windows: what came and was served by so many replicas, and how much of it was late. Leaves: load of one replica
at which no more is late than may be. Late shares by load are made to grow (isotonic regression) and forgotten slowly.
Nothing is believed far beyond what was seen: up a step at a time with evidence, down as soon as it is late. What prompt
tokens cost against answer tokens is learned with it: of several costs that one whose curve foretells best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

PROMPT_TOKEN = 0.1
"""Of a token of an answer: the unit in which load is told and forecast (``Seen.load``)."""
COSTS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
RATIO = 1.05
"""Between two loads of the curve."""
BEYOND = 1.1
"""Times the most that was seen to go well, so much may be tried."""
ENOUGH = 100.0
"""Calls at a load or above it that make it seen."""
MOST_COUNT = 3000.0
"""Calls that a load remembers: newer ones replace them."""
DOUBT = 2.0
"""Late calls that are added to each stretch of the curve, at the share that may be: few calls prove little."""
SCORE_FORGET = 0.995
MOST_PLACE = 1000
"""Of the curve, above or below a load of 1: loads beyond (1e21) there are none."""
MOST_NUMBER = 1e18
SURE = 0.5
"""Of the usual cost's error, so little must another have: else chance chooses."""


class Did(Struct, frozen=True):
    """Of a window, a second: ``calls``, ``prompt`` tokens that no cache had and ``answer`` tokens that came;
    ``served``: calls that ended. ``ready``: replicas; ``late``: share of ``judged`` calls."""

    calls: float
    prompt: float
    answer: float
    served: float
    ready: int
    late: float
    judged: float


class Curve:
    """Calls and late ones by load of a replica, each load RATIO times the one before."""

    def __init__(self) -> None:
        self.counts: dict[int, tuple[float, float]] = {}

    def learn(self, load: float, late: float, judged: float) -> None:
        """``judged`` calls at ``load``, of which a share ``late`` was late."""
        if load <= 0 or judged <= 0:
            return
        place = round(math.log(load) / math.log(RATIO))
        calls, lates = self.counts.get(place, (0.0, 0.0))
        kept = max(0.0, 1.0 - judged / MOST_COUNT) if calls + judged > MOST_COUNT else 1.0
        self.counts[place] = calls * kept + judged, lates * kept + late * judged

    def fitted(self, share: float) -> list[tuple[float, float, float]]:
        """Load, late share made to grow with it, and calls at it or above, by load."""
        blocks: list[list[float]] = []  # late, calls, how many loads
        places = sorted(self.counts)
        for place in places:
            calls, lates = self.counts[place]
            blocks.append([lates + DOUBT * share, calls + DOUBT, 1])
            while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
                last = blocks.pop()
                blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
        fit = [lates / calls for lates, calls, number in blocks for _ in range(int(number))]
        above, out = 0.0, []
        for place, late in zip(reversed(places), reversed(fit), strict=True):
            above += self.counts[place][0]
            out.append((RATIO**place, late, above))
        return out[::-1]

    def carries(self, share: float) -> float:
        """The load at which no more than ``share`` is late; 0 before anything is known."""
        good, first_bad = 0.0, math.inf
        for load, late, above in self.fitted(share):
            if late > share * 1.0001:
                first_bad = load
                break
            if above >= ENOUGH:
                good = load
        if not good:
            return first_bad / BEYOND / RATIO if first_bad < math.inf else 0.0
        return min(good * BEYOND, max(good, first_bad / RATIO))

    def foretells(self, load: float, share: float) -> float:
        """The late share that it expects there."""
        told = 0.0
        for at, late, _ in self.fitted(share):
            if at > load * RATIO:
                break
            told = late
        return told


class Capacity:
    """See the module. ``share``: of the calls that may be late; ``prior``: load of a replica that is believed before
    anything is seen, 0 where nobody knows."""

    def __init__(self, share: float, prior: float = 0.0) -> None:
        self.share = share
        self._prior = prior
        self._curves = {cost: Curve() for cost in COSTS}
        self._scores = dict.fromkeys(COSTS, 0.0)
        self._mix = (0.0, 0.0)
        self._seen = 0.0

    def learn(self, did: Did) -> None:
        """A window is over."""
        if did.ready < 1 or did.calls <= 0 or did.judged <= 0:
            return
        # Where more ended than came, a line was worked off: they did as much as they can.
        more = max(1.0, did.served / did.calls)
        for cost, curve in self._curves.items():
            load = (cost * did.prompt + did.answer) * more / did.ready
            miss = (curve.foretells(load, self.share) - did.late) ** 2
            score = self._scores[cost]
            self._scores[cost] = SCORE_FORGET * score + (1 - SCORE_FORGET) * miss
            curve.learn(load, did.late, did.judged)
        self._seen += did.judged
        self._mix = did.prompt / did.calls, did.answer / did.calls

    @property
    def cost(self) -> float:
        """Of a prompt token in answer tokens, as it foretells best; as usual while nothing speaks against it."""
        best = min(self._scores, key=lambda cost: self._scores[cost])
        sure = self._scores[best] < SURE * self._scores[PROMPT_TOKEN]
        return best if sure else PROMPT_TOKEN

    @property
    def carries(self) -> float:
        """Load of one replica at the goal, in answer tokens a second and PROMPT_TOKEN of each prompt's, for calls as
        they came last."""
        cost = self.cost
        known = self._curves[cost].carries(self.share)
        if not known:
            return self._prior
        prompt, answer = self._mix
        here = cost * prompt + answer
        return known * (PROMPT_TOKEN * prompt + answer) / here if here > 0 else known

    def dump(self) -> dict[str, Any]:
        """What ``load`` takes: plain values."""
        return {
            "mix": list(self._mix), "seen": self._seen,
            "curves": {
                str(cost): [[place, *counts] for place, counts in curve.counts.items()]
                for cost, curve in self._curves.items()
            },
            "scores": {str(cost): score for cost, score in self._scores.items()},
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> bool:
        """Go on from a ``dump``. False, and nothing is changed, for one that is none."""
        try:
            curves = {cost: Curve() for cost in COSTS}
            for cost, curve in curves.items():
                rows = state["curves"][str(cost)]
                curve.counts = {_place(p): (_number(calls), _number(lates, calls)) for p, calls, lates in rows}
            scores = {cost: _number(state["scores"][str(cost)]) for cost in COSTS}
            prompt, answer = (_number(one) for one in state["mix"])
            seen = _number(state["seen"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return False
        self._curves, self._scores, self._mix, self._seen = curves, scores, (prompt, answer), seen
        return True

    def __repr__(self) -> str:
        return f"<Capacity {self.carries:.4g} a replica, of {self._seen:.0f} calls>"


def _place(value: Any) -> int:
    place = int(value)
    if abs(place) > MOST_PLACE:
        raise ValueError(f"there is no load at {place}")
    return place


def _number(value: Any, most: float = MOST_NUMBER) -> float:
    """What was stored, if it can be so. A little more than ``most`` is one that was rounded."""
    number = float(value)
    if not 0 <= number <= most * 1.001:
        raise ValueError(f"{number} is not from 0 to {most}")
    return number

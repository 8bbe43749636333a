"""Finds the target of least rank (``wait.py``) among many, for little: what ``adaptive`` and ``predictive`` share.

Each load keeps its part of the rank ready, made anew with every event there. What grows with time alone (a call that is
overdue, a page that goes stale) is brought up to date for the one that would win, and with each fourth choice for one
more in turn: a stale value is right again after four times as many choices as there are targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock.routing.ask import Ask
from penstock.routing.load import Load
from penstock.routing.targets import Target

MOST: Final = 96
"""Up to so many targets all are looked at."""
DRAWN: Final = 40
"""Of more, so many that follow a random place. The best of 40 is among the best tenth with a probability of 0.985
(Mitzenmacher 2001 on few draws); gateways that do not know of each other draw differently."""
MOST_HOLDERS: Final = 4
"""Besides these, so many of those that have most of the prompt."""
_LOOKS: Final = 4


class LeastRank:
    """See the module. Of equals one is drawn."""

    __slots__ = ("_loads", "_places", "_targets", "_uniform", "_weights", "turn")

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self.turn = 0
        self._targets: Sequence[Target] = ()
        self._loads: list[Load] = []
        self._places: dict[int, int] = {}
        self._weights: list[float] = []

    def _bind(self, targets: Sequence[Target], now: float) -> None:
        """Make ready what stays while the same list is asked about."""
        self._targets = targets
        self._loads = [target.load for target in targets]
        for load in self._loads:
            load.rank(now)
        self._places = {target.slot: place for place, target in enumerate(targets)}
        weights = [target.pull for target in targets]
        self._weights = weights if any(weight != 1 for weight in weights) else []

    def choose(self, targets: Sequence[Target], ask: Ask, hits: Mapping[int, float]) -> Target:
        """The target whose rank for ``ask`` is least; ``hits``: shares of the prompt by slot."""
        now = ask.now
        if targets is not self._targets:
            self._bind(targets, now)
        loads = self._loads
        tokens = ask.tokens
        count = len(loads)
        turn = self.turn = self.turn + 1
        if not turn & 3:
            loads[(turn >> 2) % count].refresh(now)
        start = 0
        if count > MOST:
            start = int(self._uniform(0, count)) % count
            loads = [*loads[start : start + DRAWN], *loads[: max(0, start + DRAWN - count)]]
        ranks = [(wait := load.queue + load.slow * tokens) * wait * load.crowd for load in loads]
        beyond: list[int] = []
        if hits:
            beyond = self._reward(tokens, hits, ranks, start)
        weights = self._weights
        if weights:
            for place in range(len(ranks)):
                ranks[place] /= weights[self._at(place, start, beyond)] ** 2
        for _ in range(_LOOKS):
            least = min(ranks)
            place = ranks.index(least)
            if ranks.count(least) > 1:
                alike = [place for place, value in enumerate(ranks) if value == least]
                place = alike[int(self._uniform(0, len(alike))) % len(alike)]
            target = targets[self._at(place, start, beyond) if start or beyond else place]
            load = target.load
            if not load.stays and load.scraped is None:
                break
            load.tally(now)
            wait = load.queue + load.slow * (tokens * (1.0 - hits.get(target.slot, 0.0)) if hits else tokens)
            exact = wait * wait * load.crowd
            if weights:
                exact /= target.pull**2
            if exact <= least:
                break
            # It was better in memory than it is: another may be better now.
            ranks[place] = exact
        return target

    def _at(self, place: int, start: int, beyond: list[int]) -> int:
        """Which target stands at ``place`` of the ranks: those drawn from ``start`` on, then those ``beyond``."""
        count = len(self._loads)
        drawn = count if count <= MOST else DRAWN
        return (start + place) % count if place < drawn else beyond[place - drawn]

    def _reward(self, tokens: float, hits: Mapping[int, float], ranks: list[float], start: int) -> list[int]:
        """Put in the ranks of those that have the prompt's beginning. Returns those that are looked at besides."""
        loads, places = self._loads, self._places
        count, looked = len(loads), len(ranks)
        if looked == count:
            for slot, hit in hits.items():
                at = places.get(slot)
                if at is not None:
                    load = loads[at]
                    wait = load.queue + load.slow * tokens * (1.0 - hit)
                    ranks[at] = wait * wait * load.crowd
            return []
        others: list[tuple[float, int]] = []
        for slot, hit in hits.items():
            at = places.get(slot)
            if at is None:
                continue
            place = at - start if at >= start else at - start + count
            if place < looked:
                load = loads[at]
                wait = load.queue + load.slow * tokens * (1.0 - hit)
                ranks[place] = wait * wait * load.crowd
            else:
                others.append((-hit, place))
        if not others:
            return []
        others.sort()  # of equal hits those that come first from the random place on: else all calls would go to a few
        beyond = [(place + start) % count for _, place in others[:MOST_HOLDERS]]
        for at in beyond:
            load = loads[at]
            wait = load.queue + load.slow * tokens * (1.0 - hits[self._targets[at].slot])
            ranks.append(wait * wait * load.crowd)
        return beyond

    def __repr__(self) -> str:
        return f"<LeastRank at {self.turn}>"

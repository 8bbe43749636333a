"""What a trial does to all that it must not hurt: a word on each window, and what pairs of periods say together. Pure.

Enters: windows with the change, and periods with and without it. Leaves: the worst word, the guard that suffers most,
and whether one probably is, or would be, hurt by more than is allowed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from penstock.insight.optimizer.evidence import Evidence
from penstock.insight.optimizer.guard import Guard, Word

UNPROVED = 0.1
"""What a suspicion counts that was not proved: none may come again and again."""
LEAST_PAIRS = 4
Levels = Mapping[str, Sequence[float]]


class Harm:
    """See the module. ``pairs``: by guard, how much worse it was in each pair."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self.guards = {guard.measure.name: guard for guard in guards}
        self.pairs: dict[str, Evidence] = {name: Evidence() for name in self.guards}

    def word(self, levels: Mapping[str, float], values: Mapping[str, float], *, eager: bool) -> Word:
        """The worst of all guards on a window."""
        words = [
            guard.word(levels[name], values.get(guard.measure.of, 0.0), eager=eager)
            for name, guard in self.guards.items()
            if name in levels
        ]
        return max(words, default=Word.FINE)

    def lasting(self, last: Sequence[Mapping[str, float]]) -> bool:
        """Whether any guard suffers from what windows in a row say together."""
        return any(
            guard.lasting(levels[-few:])
            for name, guard in self.guards.items()
            if (levels := [one[name] for one in last if name in one])
            for few in (3, 6)
        )

    def worst(self, levels: Mapping[str, float]) -> str:
        """The guard that a window was worst for, in words."""
        known = [guard for name, guard in self.guards.items() if name in levels]
        worst = max(known, key=lambda guard: guard.worse(levels[guard.measure.name]) / guard.allowed)
        was, now = worst.measure.value(worst.reference), worst.measure.value(levels[worst.measure.name])
        return f"{worst.measure.name}: {now:.4g} where it was {was:.4g} without"

    def weigh(self, on: Levels, off: Levels, *, count: bool) -> None:
        """Two periods are over. ``count``: they are a pair."""
        for name, guard in self.guards.items():
            if name in off:
                guard.without(off[name])
                if name in on and count:
                    self.pairs[name].add(guard.gap(on[name], off[name]))

    def half(self, levels: Mapping[str, float]) -> bool:
        """Whether one that is bad now was so in most pairs, by half of what it may be at least."""
        for name, pairs in self.pairs.items():
            number = len(pairs.differences)
            if name not in levels or number < 2 or self.guards[name].worse(levels[name]) <= 0:
                continue
            if pairs.middle > max(self.guards[name].allowed / 2, 2 * _error(pairs)):
                return True
        return False

    def hurt(self, *, sure: bool) -> str:
        """The guard that is probably worse by more than is allowed; not ``sure``: that may be."""
        for name, pairs in self.pairs.items():
            if len(pairs.differences) < LEAST_PAIRS:
                continue
            if pairs.middle + (-_error(pairs) if sure else _error(pairs)) > self.guards[name].allowed:
                return name
        return ""

    def guilt(
        self,
        tripped: Mapping[str, float],
        values: Mapping[str, float],
        last: Sequence[Mapping[str, float]],
        off: Levels,
    ) -> float:
        """1 where what made suspicious is gone without the setting, 0 where it is there without it, too. That then is
        what it is compared with. ``last``: windows with it, up to the suspicious one."""
        guilt = 0.0
        for name, guard in self.guards.items():
            on = [levels[name] for levels in last if name in levels]
            if name not in tripped or not off.get(name) or not on:
                continue
            number = values.get(guard.measure.of, 0.0)
            before = guard.word(tripped[name], number)
            guard.without(off[name], anew=True)
            broken = before >= Word.BROKEN and guard.word(tripped[name], number) >= Word.BROKEN
            if broken or guard.shift(on, off[name]):
                return 1.0
            if before is not Word.FINE and guard.gap(on[-1:], off[name]) > guard.allowed / 3:
                guilt = UNPROVED
        return guilt

    def __repr__(self) -> str:
        return f"<Harm to {', '.join(self.guards) or 'nobody'}>"


def _error(pairs: Evidence) -> float:
    return statistics.stdev(pairs.differences) / math.sqrt(len(pairs.differences))

"""Which of a model's targets may be chosen for a call now: they have its operation, take new calls, are well, and stand
in the nearest region where enough are. Pure; times are passed in.

The list for an operation is kept until something changes (``Changes``) or the time comes at which something changes by
itself, since it is asked for with every call: that costs one look-up and two comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.core.call import Call
from penstock.routing.targets import Changes, Target


@dataclass(slots=True)
class Kept:
    """What was found for one operation, good while ``changes`` is the count of changes and until the moment ``until``.
    ``near``: to choose from; ``all``: in all regions; ``trial``: the one whose breaker waits for a trial, in a list."""

    changes: int
    until: float
    near: list[Target]
    all: list[Target]
    trial: list[Target]


class Candidates:
    """The targets of one entry, in the order of the config. ``regions``: names, the nearest first."""

    __slots__ = ("_changes", "_kept", "_ranks", "targets")

    def __init__(self, targets: Sequence[Target], regions: Sequence[str] = ()) -> None:
        self.targets = list(targets)
        self._changes = targets[0].changes if targets else Changes()
        self._kept: dict[str, Kept] = {}
        self._ranks = {region: rank for rank, region in enumerate(regions)}

    def able(self, call: Call, now: float) -> list[Target]:
        """Those to choose from for a first attempt; empty when there is none.

        One that waits for a trial gets the next call that can be made again elsewhere if it fails, whatever the
        strategy thinks of it: so it comes back for certain. After a hang that is a stream, of which a first event is
        soon missed: of a whole answer nothing can be said before its deadline.
        """
        kept = self._kept.get(call.operation.name)
        if kept is None or kept.changes != self._changes.count or now >= kept.until:
            kept = self._look(call, now)
        if kept.trial and _may_try(kept.trial[0], call, now):
            return kept.trial
        return kept.near

    def spare(self, call: Call, now: float) -> list[Target]:
        """Those to choose from after a failed attempt: in all regions, and no trial if there is anybody else."""
        kept = self._kept.get(call.operation.name)
        if kept is None or kept.changes != self._changes.count or now >= kept.until:
            kept = self._look(call, now)
        return kept.all

    def having(self, call: Call) -> list[Target]:
        """Those that offer the call's operation at all."""
        return [target for target in self.targets if target.provider.serves(call)]

    def nearest(self, targets: list[Target]) -> list[Target]:
        """Those of ``targets`` that stand in the nearest region among theirs."""
        if not self._ranks or len(targets) < 2:
            return targets
        least = min([self._rank(target) for target in targets])
        return [target for target in targets if self._rank(target) == least]

    def _rank(self, target: Target) -> int:
        """How near it is; one in a region that is not named is the farthest."""
        return self._ranks.get(target.region, len(self._ranks))

    def _look(self, call: Call, now: float) -> Kept:
        having = self.having(call)
        until = math.inf
        for target in having:
            target.settle(now)
            until = min(until, target.until(now))
        # Where all of them drain, they still serve: a call that nobody else can take is not refused for a drain.
        pool = [target for target in having if not target.draining] or having
        sound = _sound(pool, now)
        if not sound and len(pool) < len(having):
            sound = _sound(having, now)
        steady = [target for target in sound if target.health.breaker.state == "closed"]
        trial = self.nearest([target for target in sound if target.health.breaker.state != "closed"])[:1]
        near = self._near(steady, pool)
        if trial and near and self._rank(trial[0]) > max([self._rank(target) for target in near]):
            trial = []
        kept = Kept(self._changes.count, until, near or trial, steady or trial, trial)
        self._kept[call.operation.name] = kept
        return kept

    def _near(self, steady: list[Target], pool: list[Target]) -> list[Target]:
        """The steady ones of the nearest region, and of those after it while these are too few to carry its load."""
        if not self._ranks or len(steady) < 2:
            return steady
        enough = math.ceil(len(self.nearest(pool)) * pool[0].health.rules.panic)
        ranks = sorted({self._rank(target) for target in steady})
        for rank in ranks:
            near = [target for target in steady if self._rank(target) <= rank]
            if len(near) >= enough:
                return near
        return steady

    def __repr__(self) -> str:
        return f"<Candidates {', '.join(target.name for target in self.targets)}>"


def _may_try(trial: Target, call: Call, now: float) -> bool:
    return call.operation.body != "opaque" and (call.stream or now >= trial.health.wary_until)


def _sound(pool: list[Target], now: float) -> list[Target]:
    """Those that are well. If they are too few, those too that are merely suspected: a probe or a comparison may err,
    and what errs about so many would take the model down. A breaker knows of calls that failed, and is heeded."""
    sound = [target for target in pool if target.usable(now)]
    if pool and len(sound) < len(pool) * pool[0].health.rules.panic:
        return [target for target in pool if target.standing(now)]
    return sound

"""Which replicas of a pool are started and ended next, from what was wanted and what the cluster tells. Pure.

Enters: a look at the cluster, and the wish. Leaves: steps, and how the pool stands. One that dies is replaced: at once
if it had served, after a growing pause if it never did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import structs

from penstock.net.children import Backoff
from penstock.scaling.actuators.ray.line import Told
from penstock.scaling.replica import Replica, Standing, State

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
UNSEEN_SECONDS = 15.0
"""One that was started must have been told of by then."""
SOUND_SECONDS = 30.0
"""One that dies sooner after it was ready counts as one that never was."""
KILL_SECONDS = 10.0
"""Beyond the time that its command has to end: then Ray ends it."""
MOST_STARTS = 16
"""At a time."""


class Step(NamedTuple):
    """``do``: ``start`` one of this name, ``end`` it, or end it ``hard``."""

    do: str
    name: str


class Keeping:
    """``fresh`` makes a name; ``stop``: seconds that a command has to end."""

    def __init__(
        self, fresh: Callable[[], str], stop: float, price: float = 0.0, backoff: Backoff | None = None
    ) -> None:
        self._fresh = fresh
        self._stop = stop
        self._price = price
        self._backoff = backoff or Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._not_before = 0.0
        self._replicas: dict[str, Replica] = {}
        self._ending: dict[str, float] = {}
        self._drained: set[str] = set()
        self._outdated: set[str] = set()
        self._victims: list[str] = []
        self._failed: Replica | None = None
        self.wanted: int | None = None

    def want(self, count: int, victims: Sequence[str]) -> None:
        """See ``Actuator``."""
        self.wanted = count
        self._victims = list(victims)

    def drain(self, name: str, drained: bool) -> None:
        """See ``Actuator``."""
        if drained and name in self._replicas:
            self._drained.add(name)
        else:
            self._drained.discard(name)

    def outdate(self) -> None:
        """All that stand are to be replaced."""
        self._outdated = set(self._replicas)

    def take(self, told: Sequence[Told], now: float) -> list[Step]:
        """What is to be done, after a look at the cluster at ``now`` (Unix seconds)."""
        steps: list[Step] = []
        seen = {one.name for one in told}
        for one in told:
            steps += self._see(one, now)
        for name, replica in list(self._replicas.items()):
            if name not in seen and (replica.took or now - replica.asked > UNSEEN_SECONDS):
                self._lose(replica, "it is gone: its node or its process died", now)
        self._ending = {name: until for name, until in self._ending.items() if name in seen}
        return [*steps, *self._fewer(now), *self._more(now)]

    def never_began(self, name: str, why: str, now: float) -> None:
        """The cluster did not take it."""
        replica = self._replicas.get(name)
        if replica is not None:
            self._lose(replica, why, now)

    def _see(self, one: Told, now: float) -> list[Step]:
        if one.name in self._ending:
            if now < self._ending[one.name]:
                return []
            self._ending[one.name] = now + KILL_SECONDS
            return [Step("hard", one.name)]
        known = self._replicas.get(one.name)
        if one.state in ("failed", "gone"):
            lost = known or Replica(one.name, one.address, asked=one.asked)
            self._lose(lost, one.trouble or "it ended", now)
            return [self._end(one.name, now, hard=True)]
        state: State = "ready" if one.state == "ready" else "starting"
        trouble = one.trouble
        if one.state == "placing":
            trouble = "Ray has not placed it yet"
        elif one.state == "silent":
            state = known.state if known is not None else "starting"
            trouble = "its node does not answer"
        since = known.since if known is not None and known.state == state else now
        asked = one.asked or (known.asked if known is not None else now)
        if state == "ready" and (known is None or known.state != "ready"):
            self._failed = None
        self._replicas[one.name] = Replica(one.name, one.address, state, since, asked, one.took, trouble)
        if state == "ready" and now - since > SOUND_SECONDS:
            self._backoff.reset()
        return []

    def _lose(self, lost: Replica, why: str, now: float) -> None:
        self._replicas.pop(lost.name, None)
        self._drained.discard(lost.name)
        self._failed = Replica(lost.name, lost.address, "failed", now, lost.asked, lost.took, why)
        if lost.state != "ready" or now - lost.since < SOUND_SECONDS:
            self._not_before = max(self._not_before, now + self._backoff.failed())

    def _end(self, name: str, now: float, hard: bool = False) -> Step:
        self._replicas.pop(name, None)
        self._drained.discard(name)
        self._ending[name] = now + (KILL_SECONDS if hard else self._stop + KILL_SECONDS)
        return Step("hard" if hard else "end", name)

    def _fewer(self, now: float) -> list[Step]:
        beyond = 0 if self.wanted is None else len(self._replicas) - self.wanted
        if beyond <= 0:
            return []
        named = [name for name in dict.fromkeys(self._victims) if name in self._replicas]
        rest = sorted(
            (one for one in self._replicas.values() if one.name not in named),
            key=lambda one: (one.name not in self._drained, one.state != "starting", -one.asked),
        )
        ends = [*named, *(one.name for one in rest)][:beyond]
        # One that was never placed has no command to end.
        return [self._end(name, now, hard=not self._replicas[name].address) for name in ends]

    def _more(self, now: float) -> list[Step]:
        if self.wanted is None or now < self._not_before:
            return []
        steps = []
        for _ in range(min(self.wanted - len(self._replicas), MOST_STARTS)):
            name = self._fresh()
            self._replicas[name] = Replica(name, "", "starting", now, now)
            steps.append(Step("start", name))
        return steps

    def standing(self) -> Standing:
        """As it was seen last. ``wanted`` -1: nobody has said yet."""
        self._outdated &= set(self._replicas)
        rows = [
            structs.replace(
                one, state="draining" if one.name in self._drained else one.state, stale=one.name in self._outdated
            )
            for one in self._replicas.values()
        ]
        failed = [] if self._failed is None else [self._failed]
        return Standing(-1 if self.wanted is None else self.wanted, rows + failed, self._price)

    def __repr__(self) -> str:
        return f"<Keeping {len(self._replicas)} of {self.wanted}, {len(self._ending)} ending>"

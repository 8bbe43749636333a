"""One pool as the supervisor knows it, and the row that tells of it. Pure; times are passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.scaling.actuators.actuator import Actuator
from penstock.scaling.config import PoolConfig
from penstock.scaling.pools.plan import Going, Plan
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.starts import Starts

if TYPE_CHECKING:
    import asyncio

LONGEST_AWAKE_SECONDS = 600.0
"""A pool that was woken stays up for as long as the call that did it may wait, and never longer."""
WAKE_SECONDS = 5.0
"""And a little more, in which the call is served and seen."""


@dataclass(slots=True, eq=False)
class Pool:
    """``wanted``: as decided last, if it was ``decided``; ``why``: the reason; ``awake``: until then it has one replica
    at least, unless it is ``barred``; ``going``: those that are to go; ``starts``: how long its newest took;
    ``before``: the addresses of those that serve in its name until it has some of its own; ``would``: what is not done,
    for it is a dry run; ``acting``: held by the one who asks the actuator."""

    name: str
    config: PoolConfig
    wanted: int
    actuator: Actuator
    changed: asyncio.Event
    acting: asyncio.Lock
    why: str = "the least that is configured"
    standing: Standing = field(default_factory=lambda: Standing(0))
    trouble: str = ""
    would: str = ""
    decided: bool = False
    awake: float = 0.0
    barred: bool = False
    told: list[str] | None = None
    before: list[str] = field(default_factory=list)
    going: dict[str, Going] = field(default_factory=dict)
    starts: Starts = field(default_factory=Starts)
    task: asyncio.Task[None] | None = None

    def due(self, now: float) -> int:
        """How many there should be now."""
        return max(self.wanted, 1) if now < self.awake and not self.barred else self.wanted

    def want(self, count: int, why: str, *, barred: bool = False) -> None:
        """It was decided anew. ``barred``: and no call may have one more than that started."""
        self.barred = barred
        self.wanted = min(self.config.max, max(self.config.min, count))
        self.why = why[:500]
        self.decided = True
        self.changed.set()

    def wake(self, now: float, seconds: float) -> bool:
        """A call waits for a first replica, at most so long. Whether that is news."""
        if self.barred:
            return False
        slept = not self.due(now)
        if slept:
            self.why = "calls wait for it"
            self.changed.set()
        self.awake = max(self.awake, now + min(LONGEST_AWAKE_SECONDS, max(0.0, seconds) + WAKE_SECONDS))
        return slept

    def see(self, standing: Standing) -> dict[str, Replica]:
        """What stands now. Those that live, by name. What stood before this gateway began is kept until it is decided
        on; while some are replaced more stand than that."""
        self.standing = standing
        stands = min(self.config.max, len(standing.of("starting", "ready")))
        replacing = standing.rolls or any(one.stale for one in standing.replicas)
        if not self.decided and standing.moves and stands > self.wanted and not replacing:
            self.wanted, self.why = stands, "so many stood already"
        self.starts.count(standing.replicas)
        living = {one.name: one for one in standing.of("starting", "ready", "draining")}
        self.going = {name: step for name, step in self.going.items() if name in living}
        return living

    def serving(self, living: Mapping[str, Replica]) -> list[str]:
        """The addresses that routing should know."""
        ready = [one for one in living.values() if one.address and one.state in ("ready", "draining")]
        return [one.address for one in ready if one.name not in self.going or not self.going[one.name].out]

    def say(self, made: Plan) -> bool:
        """It is a dry run: remember what would be done. Whether that is news, and more than nothing."""
        stands = len(self.standing.of("starting", "ready", "draining"))
        would = "" if made.ask == stands and not made.drain else str(made)
        news, self.would = bool(would) and would != self.would, would
        return news

    def row(self, now: float) -> dict[str, Any]:
        """For whoever asks. ``starts``: seconds that one takes; ``due_in``: until the next should be ready; both 0
        while nobody knows."""
        replicas = [
            msgspec.structs.replace(one, state="draining") if one.stands and one.name in self.going else one
            for one in self.standing.replicas
        ]
        starts = median(self.starts.measured or [0.0])
        asked = min([one.asked for one in replicas if one.state == "starting"], default=now)
        return {
            "standing": msgspec.to_builtins(msgspec.structs.replace(self.standing, replicas=replicas)),
            "wanted": self.due(now), "why": self.why, "trouble": self.trouble or self._failure(), "would": self.would,
            "barred": self.barred, "starts": starts, "due_in": max(0.0, asked + starts - now) if starts else 0.0,
        }  # fmt: skip

    def _failure(self) -> str:
        """Why the replica that failed last did."""
        failed = [f"{one.name}: {one.trouble}" for one in self.standing.of("failed") if one.trouble]
        return failed[-1] if failed else ""

    def __repr__(self) -> str:
        return f"<Pool {self.name} {len(self.standing.replicas)} of {self.wanted}>"


def addresses(living: Mapping[str, Replica], names: Sequence[str]) -> list[str]:
    """Of these replicas, where they have one."""
    return [living[name].address for name in names if living[name].address]

"""What is to be done to a pool now, so that it becomes as it was decided: which replicas go, and how far each is. Pure.

Enters: what stands, how many are wanted, who goes already, what is under way where; the moment. Leaves: a Plan. One
that goes is drained; when its time is over, its calls are moved; once empty it is taken out of routing; and once it is
empty still, it ends. Until it is out of routing it is taken back before another one is started. One of another size is
replaced when all others are as they should be: one at a time, another before it goes where there is room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from msgspec import Struct

from penstock.scaling.replica import Replica, Standing

MORE_SECONDS = 600.0
"""So long what cannot be moved may still go on after a replica's time is over; then it ends all the same."""
MOST_GOING = 100
"""At once of one pool; the others stay until these have gone."""


class Under(Struct, frozen=True):
    """What is under way at one replica: calls; what its loss would cost beside others; whether it gets no new calls;
    whether all workers have told of it."""

    in_flight: int = 0
    loss: float = 0.0
    drained: bool = False
    complete: bool = True

    @property
    def empty(self) -> bool:
        """Whether nobody would notice if it ended."""
        return self.complete and not self.in_flight


@dataclass(slots=True)
class Going:
    """A replica that is to go: since when, and since when it is out of routing (0: not yet)."""

    since: float
    out: float = 0.0


@dataclass(slots=True)
class Plan:
    """Names of replicas. ``back``: those that stay after all; ``drain``: those that get no new calls; ``move``: those
    whose calls go on elsewhere; ``out``: those that routing forgets; ``end``: those that are ended. ``ask``: how many
    there should be then, those that still go included."""

    ask: int = 0
    back: list[str] = field(default_factory=list)
    drain: list[str] = field(default_factory=list)
    move: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = [
            f"{word} {', '.join(names[:5])}{' and others' * (len(names) > 5)}"
            for word, names in (
                ("take back", self.back), ("drain", self.drain), ("move the calls of", self.move), ("end", self.end),
            )
            if names
        ]  # fmt: skip
        return "; ".join([f"have {self.ask}", *told])


def plan(
    standing: Standing,
    wanted: int,
    going: Mapping[str, Going],
    under: Mapping[str, Under],
    now: float,
    patience: float,
) -> Plan:
    """``under``: of those that routing knows. ``patience``: seconds in which one that goes may end its calls."""
    living = {one.name: one for one in standing.of("starting", "ready", "draining")}
    leaves = {name: step for name, step in going.items() if name in living}
    stays = [one for one in living.values() if one.name not in leaves]
    made = Plan()
    old = [one for one in stays if one.stale]
    wanted += _replacing(standing, wanted, stays, [living[name] for name in leaves])
    short = wanted - len(stays)
    if short > 0:
        kept = [name for name, step in leaves.items() if not step.out]
        kept.sort(key=lambda name: -(under[name].in_flight if name in under else 0))
        made.back = kept[:short]
        leaves = {name: step for name, step in leaves.items() if name not in made.back}
    elif short < 0 and not standing.rolls:
        room = max(0, MOST_GOING - len(leaves))
        order = {name: place for place, name in enumerate(standing.order)}
        stays.sort(key=lambda one: (order.get(one.name, 0), _cost(one, under)))
        victims = stays[: min(-short, room)]
        leaves |= {one.name: Going(now) for one in victims}
    elif old and not leaves and all(one.state == "ready" or one.stale for one in stays):
        leaves[min(old, key=lambda one: _cost(one, under)).name] = Going(now)
        wanted -= 1  # its successor stands already, or has no room before it is gone
    serving = any(one.state == "ready" and one.name not in leaves for one in living.values())
    for name, step in leaves.items():
        _go_on(made, name, step, under.get(name), now, patience, serving=serving)
    if standing.order:  # one that must wait for another is not ended yet
        first = [name for name in standing.order if name in living]
        ready = set(made.end)
        made.end = list(takewhile(ready.__contains__, first))
    made.ask = max(wanted, len(living) - len(leaves)) + len(leaves) - len(made.end)
    if standing.rolls:  # then more stand than are asked for
        made.ask = max(wanted, standing.wanted) - len(made.end)
    if made.end:  # one thing at a time: whoever counts would else end nobody
        made.ask = min(made.ask, len(living) - len(made.end))
    return made


def _replacing(standing: Standing, wanted: int, stays: Sequence[Replica], leaves: Sequence[Replica]) -> int:
    """How many more than wanted (or fewer) should stay for now, because some are of another size."""
    if leaves:
        return -1 if standing.tight and len(stays) < wanted and any(one.stale for one in leaves) else 0
    old = wanted > 0 and any(one.stale for one in stays)
    return 1 if old and len(stays) >= wanted + standing.tight else 0


def _cost(one: Replica, under: Mapping[str, Under]) -> tuple[bool, bool, float, float, str]:
    """What the loss of a replica costs: the least goes first. One that does not serve yet costs nothing, the newest of
    those least; one of another size has to go anyway."""
    known = under.get(one.name)
    serves = one.state != "starting"
    return serves, not one.stale, 0.0 if known is None else known.loss, -one.asked, one.name


def _go_on(
    made: Plan, name: str, step: Going, known: Under | None, now: float, patience: float, *, serving: bool
) -> None:
    """The next step of one that goes. ``serving``: somebody else could take its calls."""
    late = now >= step.since + patience
    over = now >= step.since + patience + MORE_SECONDS
    if known is None or (known.empty and (known.drained or step.out)) or over:
        (made.end if step.out or known is None else made.out).append(name)
        return
    if not known.drained and not step.out:
        made.drain.append(name)
    elif late and serving:
        made.move.append(name)

"""What stands of a pool: its replicas, how many are wanted, and what one costs. Pure, plain values."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from penstock.scaling.size import Size

State = Literal["starting", "ready", "draining", "failed"]


class Replica(Struct, frozen=True):
    """``name``: its own for as long as it lives. ``address``: ``host:port``, "" where it has none yet. ``since``: Unix
    seconds at which it came into ``state``; ``asked``: at which it was asked for. ``took``: seconds from then until it
    was ready, 0 while that is not known. ``trouble``: why it is not well, as far as it is known. ``stale``: it is of
    another size than its pool's now, and is to be replaced. ``said``: its last line, for who may read its log."""

    name: str
    address: str = ""
    state: State = "starting"
    since: float = 0.0
    asked: float = 0.0
    took: float = 0.0
    trouble: str = ""
    stale: bool = False
    said: str = ""

    @property
    def stands(self) -> bool:
        """Whether it counts among what will serve: one that drains or failed does not."""
        return self.state in ("starting", "ready")


class Standing(Struct, frozen=True):
    """A pool as its actuator tells of it. ``wanted``: how many were asked for last. ``price``: dollars an hour of one,
    0 where nobody said. ``moves``: whether something is changed at all (an actuator that only publishes, and a dry
    run, change nothing). ``order``: names as they go, where nobody can choose which. ``size``: of a replica that is
    started now, as far as it is known, and ``can``: what of it can be changed; ``use``: the most that one of them uses;
    ``unsized``: why nothing is known of it though somebody wants to.
    ``rolls``: whoever runs them is replacing them. ``tight``: there is no room for one more than stand."""

    wanted: int
    replicas: list[Replica] = []
    price: float = 0.0
    moves: bool = True
    order: list[str] = []
    size: Size = Size()
    can: list[str] = []
    use: Size = Size()
    unsized: str = ""
    rolls: bool = False
    tight: bool = False

    def of(self, *states: State) -> list[Replica]:
        """The replicas in one of ``states``."""
        return [one for one in self.replicas if one.state in states]

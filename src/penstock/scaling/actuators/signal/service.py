"""An actuator that moves nothing: what is wanted is published, and others (HPA, KEDA, people) act.

What stands is what discovery has found of the upstream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.size import Size


class Signal:
    """An Actuator. ``found`` tells the addresses that are known of the pool's upstream."""

    def __init__(self, found: Callable[[], Sequence[str]], least: int, price: float = 0.0,
                 wall: Callable[[], float] = time.time) -> None:  # fmt: skip
        self._found = found
        self._wanted = least
        self._price = price
        self._wall = wall
        self._since: dict[str, float] = {}

    async def current(self) -> Standing:
        """Those found; each since it was first seen."""
        now, addresses = self._wall(), list(self._found())
        self._since = {one: self._since.get(one, now) for one in addresses}
        replicas = [Replica(one, one, "ready", since, since) for one, since in self._since.items()]
        return Standing(self._wanted, replicas, self._price, moves=False)

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Remember it."""
        self._wanted = count

    async def drain(self, name: str, *, drained: bool) -> None:
        """Whoever acts chooses."""

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Whoever acts does."""
        raise ActuatorError("the actuator signal changes nothing: what runs the replicas makes them larger")

    async def aclose(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        return f"<Signal {self._wanted} wanted>"

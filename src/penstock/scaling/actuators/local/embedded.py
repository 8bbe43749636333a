"""Replicas of an embedded engine, which somebody else keeps: only their number and their size are set. Pure.

A replica that is too many ends its calls first; which that is, the engine says, unless one is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.size import Size


class Process(Protocol):
    """One replica of an engine."""

    name: str
    base_url: str
    load_seconds: float
    trouble: str

    @property
    def ready(self) -> bool: ...


class Engine(Protocol):
    """What runs them. ``minimum`` and ``maximum`` bound what ``scale`` takes."""

    minimum: int
    maximum: int
    target: int

    @property
    def replicas(self) -> Sequence[Process]: ...

    def scale(self, wanted: int, victims: Sequence[str] = ()) -> int: ...

    @property
    def size(self) -> dict[str, int]: ...

    def resize(self, size: dict[str, int], *, dry_run: bool = False) -> dict[str, int]: ...

    def is_stale(self, name: str) -> bool: ...


class Embedded:
    """An Actuator. ``engine`` gives the engine, None while there is none yet; ``most``: replicas of the pool."""

    def __init__(
        self, engine: Callable[[], Engine | None], most: int, price: float = 0.0, *, wall: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._most = most
        self._price = price
        self._wall = wall
        self._wanted = 0
        self._asked: dict[str, float] = {}
        self._since: dict[str, float] = {}

    async def current(self) -> Standing:
        """What the engine has."""
        engine = self._engine()
        now = self._wall()
        known = [] if engine is None else list(engine.replicas)
        self._asked = {one.name: self._asked.get(one.name, now) for one in known}
        self._since = {one.name: self._since.get(one.name, now) for one in known if one.ready}
        replicas = [
            Replica(
                one.name, "", "ready" if one.ready else "starting", self._since.get(one.name, self._asked[one.name]),
                self._asked[one.name], one.load_seconds if one.ready else 0.0, one.trouble,
                engine is not None and engine.is_stale(one.name),
            )
            for one in known
        ]  # fmt: skip
        if engine is None:
            return Standing(0, replicas, self._price)
        wanted = self._wanted if engine.target == self._wanted else 0
        return Standing(wanted, replicas, self._price, size=Size(**engine.size), can=list(engine.size))

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Set it. The engine itself says who else goes."""
        engine = self._engine()
        self._wanted = count
        if engine is not None:
            engine.minimum, engine.maximum = 1, max(1, self._most, count)  # one more stands while one is replaced
            engine.scale(count, victims)

    async def drain(self, name: str, *, drained: bool) -> None:
        """One that goes ends its calls by itself."""

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Those that start from now on have it."""
        engine = self._engine()
        if engine is None:
            raise ActuatorError("the engine does not run yet")
        if own := [name for name in size.said() if name not in engine.size]:
            raise ActuatorError(f"{' and '.join(own)} of an embedded engine cannot be changed: it takes what it needs")
        try:
            return Size(**engine.resize({name: int(value) for name, value in size.said().items()}, dry_run=dry_run))
        except ValueError as error:
            raise ActuatorError(str(error)) from None

    async def aclose(self) -> None:
        """Its owner ends it."""

    def __repr__(self) -> str:
        return f"<Embedded {self._wanted}>"

"""An actuator that is looked at now and then: what it told holds until its interval is over, or something was changed.

For those whose every look asks somebody else's API. Enters: an actuator. Leaves: the same, asked less. Pure: time is
passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.scaling.actuators.actuator import Actuator
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size


class Seldom:
    """An Actuator over ``actuator``. ``interval``: seconds, as ``now`` tells them."""

    def __init__(self, actuator: Actuator, interval: float, now: Callable[[], float]) -> None:
        self._actuator = actuator
        self._interval = interval
        self._now = now
        self._looked = 0.0
        self._standing: Standing | None = None

    async def current(self) -> Standing:
        """What stands, or stood less than an interval ago."""
        if self._standing is None or self._now() - self._looked >= self._interval:
            looked = self._now()
            self._standing = await self._actuator.current()
            self._looked = looked
        return self._standing

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Its own; looked at anew afterwards, however it went."""
        self._standing = None
        await self._actuator.want(count, victims)

    async def drain(self, name: str, *, drained: bool) -> None:
        """Its own; looked at anew afterwards."""
        self._standing = None
        await self._actuator.drain(name, drained=drained)

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Its own; looked at anew afterwards, however it went."""
        self._standing = None
        return await self._actuator.resize(size, dry_run=dry_run)

    async def aclose(self) -> None:
        """Its own."""
        await self._actuator.aclose()

    def __repr__(self) -> str:
        return f"<Seldom {self._actuator!r}, {self._standing or 'not looked at'}>"

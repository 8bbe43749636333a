"""What an actuator is: that which starts and ends the replicas of one pool.

It is asked by one task at a time. Whatever fails is an ActuatorError with words for the operator; then it is asked
again later, and must bear that: ``want`` says how many there should be, never how many more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.scaling.replica import Standing
from penstock.scaling.size import Size


class ActuatorError(Exception):
    """What was asked for could not be done, or nothing is known. The message says what, where and what to do."""


class Actuator(Protocol):
    """See the module."""

    async def current(self) -> Standing:
        """What stands. A replica that died is not among it, or ``failed``, and is replaced without being asked."""

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Have ``count`` replicas. When that is fewer, ``victims`` (names) go, the first first, and no others before
        them; they serve nobody any more. Victims are named only where ``count`` is fewer by their number."""

    async def drain(self, name: str, *, drained: bool) -> None:
        """A replica is about to be a victim (``drained`` False: it is not any more). It still ends its calls. An
        actuator whose own system chooses victims tells that system."""

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Have replicas of this size, which says only what is to change, all of it in ``Standing.can``. What stands is
        replaced by whoever runs it, or told as ``stale``. Returns the size that it comes to: what can only be had in
        steps is rounded up. ``dry_run``: no more than that. Fails for a size that cannot be, in words."""

    async def aclose(self) -> None:
        """Let go. What stands stays where others run it; what are our own children ends."""

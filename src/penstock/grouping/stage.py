"""The grouping room: chats that share work are sent so that the upstream does it once.

Enters: an exchange. Leaves: the reply of the rooms below, asked at once or when its group is due. A call that may not
wait, or finds a bound reached, passes. Fails as the rooms below do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Protocol

from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.grouping.beginning import PROMPT_OF
from penstock.grouping.waiting import Group


class Way(Protocol):
    """A way to group; it has the groups that wait."""

    @property
    def groups(self) -> dict[Any, Group]: ...

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]: ...


class Grouping:
    """See the module. ``least``: bytes of a body from which on a call may be held."""

    needs: ClassVar[frozenset[str]] = frozenset({"caller", "peek"})
    gives: ClassVar[frozenset[str]] = frozenset({"group"})

    def __init__(self, way: Way, least: int, now: Callable[[], float]) -> None:
        self.way = way
        self._least = least
        self._now = now

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        if len(call.body) < self._least or call.operation.name not in PROMPT_OF:
            return next(exchange)
        return self.way(exchange, next)

    def told(self) -> list[dict[str, Any]]:
        """The groups of this moment, as plain values."""
        now = self._now()
        return [group.told(now) for group in self.way.groups.values()]

    def __repr__(self) -> str:
        return f"<Grouping {self.way!r}>"

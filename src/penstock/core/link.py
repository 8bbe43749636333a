"""One step of the path: a room, bound to what is below it. Compiled with the rest of the hot path.

Enters: a stage and the rest of the pipeline. Leaves: a callable that takes an exchange.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MethodWrapperType

from penstock.core.exchange import Exchange
from penstock.core.ports import Next, Stage
from penstock.core.reply import Reply

Enter = Callable[[Exchange, Next], Awaitable[Reply]]


def linked(stage: Stage, below: Next) -> Next:
    """Send an exchange into ``stage``, which may pass it on to ``below``."""
    enter: Enter = stage.__call__  # bound once; functools.partial with a keyword costs three times as much a call
    if isinstance(enter, MethodWrapperType):  # of a compiled room: called itself, it is quicker than by its slot
        enter = stage

    def link(exchange: Exchange) -> Awaitable[Reply]:
        return enter(exchange, below)

    return link


def noted(name: str, enter: Next, now: Callable[[], float]) -> Next:
    """The same way, but the exchange is told when it enters the room ``name``."""

    def note(exchange: Exchange) -> Awaitable[Reply]:
        exchange.note_room(name, now())
        return enter(exchange)

    return note

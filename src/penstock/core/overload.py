"""How full a worker is: of calls, and of bytes. One room or loop writes each, whoever decides by it reads. Pure."""

from __future__ import annotations

from collections.abc import Callable

from penstock.core.priority import BATCH


class Overload:
    """Calls. ``in_flight`` of ``limit`` are served, ``waiting`` wait for a place; ``upstreams`` tells the share of the
    seats at upstreams that is wanted, where their number is limited."""

    __slots__ = ("in_flight", "limit", "upstreams", "waiting")

    def __init__(self, limit: int) -> None:
        self.in_flight = 0
        self.limit = limit
        self.waiting = 0
        self.upstreams: Callable[[], float] | None = None

    @property
    def load(self) -> float:
        """The share of the places that is wanted: above 1 where calls wait."""
        load = (self.in_flight + self.waiting) / self.limit
        return load if self.upstreams is None else max(load, self.upstreams())

    def __repr__(self) -> str:
        return f"<Overload {self.in_flight}/{self.limit}, {self.waiting} waiting>"


class Pressure:
    """Bytes. ``share`` of the memory limit is in use, which is ``level`` 0 to 5; classes of calls above the number
    ``floor`` are not admitted (3: all are, -1: none is)."""

    __slots__ = ("floor", "level", "share")

    def __init__(self) -> None:
        self.share = 0.0
        self.level = 0
        self.floor = BATCH

    def __repr__(self) -> str:
        return f"<Pressure {self.share:.2f}, level {self.level}, admits classes up to {self.floor}>"

"""A limit before an engine, in virtual time: calls arrive by chance, wait for a place, and leave when they waited long.

The engine has ``seats``; who finds none waits there, and its first token is late. ``capacity`` may change meanwhile.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from penstock.admission.limit.limit import Limit

PATIENCE = 5.0


class Trial:
    """``rate``: calls a second at a moment. ``prefill``: seconds until the first token with nobody else there, drawn
    for each call; ``service``: mean seconds in a seat. ``streams``: the first token is told apart."""

    def __init__(
        self,
        limit: Limit,
        *,
        rate: Callable[[float], float],
        seats: int,
        prefill: tuple[float, float] = (0.1, 0.1),
        service: float = 1.0,
        streams: bool = True,
        expected: bool = False,
        refuses: int = 0,
        seed: int = 1,
    ) -> None:
        self.limit = limit
        self.rate = rate
        self.seats = seats
        self.prefill = prefill
        self.service = service
        self.streams = streams
        self.expected = expected
        self.refuses = refuses
        self.random = random.Random(seed)
        self.now = 0.0
        self.inside = 0
        self.seated = 0
        self.outside: deque[float] = deque()  # when each came
        self.engine: deque[tuple[float, float, float]] = deque()  # began, prefill, service
        self.events: list[tuple[float, int, str, tuple[float, ...]]] = []
        self.number = 0
        self.ends: list[float] = []
        self.limits: list[tuple[float, int]] = []

    def _at(self, when: float, kind: str, *what: float) -> None:
        self.number += 1
        heappush(self.events, (when, self.number, kind, what))

    def run(self, until: float, changes: dict[float, int] | None = None) -> Trial:
        for when, seats in (changes or {}).items():
            self._at(when, "seats", seats)
        self._at(self._next(), "arrive")
        while self.events and self.events[0][0] < until:
            self.now, _, kind, what = heappop(self.events)
            getattr(self, f"_{kind}")(*what)
            self.limits.append((self.now, self.limit.limit))
        return self

    def _next(self) -> float:
        """Thinned, so that a rate may change."""
        now = self.now
        most = 4000.0
        while True:
            now += self.random.expovariate(most)
            if self.random.random() * most < self.rate(now):
                return now

    def _seats(self, seats: float) -> None:
        self.seats = int(seats)
        self._seat()

    def _arrive(self) -> None:
        self.outside.append(self.now)
        self._at(self._next(), "arrive")
        self._let_in()

    def _let_in(self) -> None:
        while self.outside and self.inside < self.limit.limit:
            if self.now - self.outside.popleft() > PATIENCE:
                continue
            if self.refuses and self.inside >= self.refuses:
                self.limit.begin(self.inside + 1, self.now)
                self.limit.done(self.now, 0.0, None, "overload")
                continue
            self.inside += 1
            self.limit.begin(self.inside, self.now)
            prefill = self.random.uniform(*self.prefill)
            self.engine.append((self.now, prefill, self.random.expovariate(1.0 / self.service)))
            self._seat()

    def _seat(self) -> None:
        while self.engine and self.seated < self.seats:
            began, prefill, service = self.engine.popleft()
            self.seated += 1
            if self.streams:
                self._at(self.now + prefill, "first", began, prefill)
            self._at(self.now + prefill + service, "end", began, self.now + prefill - began)

    def _first(self, began: float, prefill: float) -> None:
        self.limit.first(self.now, self.now - began, prefill if self.expected else 0.0)

    def _end(self, began: float, first: float) -> None:
        self.seated -= 1
        self.inside -= 1
        self.ends.append(self.now)
        self.limit.done(self.now, self.now - began, first if self.streams else None, "ok")
        self._seat()
        self._let_in()

    def mean_limit(self, since: float, until: float) -> float:
        total = 0.0
        weight = 0.0
        for (at, limit), (after, _) in zip(self.limits, self.limits[1:], strict=False):
            if since <= at < until:
                total += limit * (after - at)
                weight += after - at
        return total / weight

    def throughput(self, since: float, until: float) -> float:
        return sum(since <= end < until for end in self.ends) / (until - since)

"""What a call of so many items takes at the upstreams of one model, learned from those that were made. Pure.

Enters: when a call was sent, when it was answered, how many items it had. Leaves: how long one of so many takes, what a
caller saves that goes along with others, whether upstreams serve one call after another. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.core.line import Line

FIRST_GUESS_SECONDS = 0.02
FIRST_SLOPE_SHARE = 0.1
"""Of what the first call took, what each item is believed to take: until there were others nobody knows."""
LEARN = 0.2
FORGET = 0.98
FAR = 2.0
"""How many times larger than those before which there was nobody a call may be for its time to be known."""
LEAST_BACKLOG = 0.25
"""Of what a call takes: less work before it says nothing of whether it waits for that."""
PROBE = 16
"""After so many calls of which none told whether it waits for others, one is sent to see."""
WAITS = 0.5
"""From which share on upstreams are taken to serve one call after another."""
UNFIT_SECONDS = 300.0
"""How long calls go alone whose merged ones were not understood."""
MOST_MODELS = 1024


class Sent:
    """A call on its way. ``beside``: how many there were when it was sent; ``backlog``: seconds of work that those
    were, 0 where it is not known; ``known``: whether its own are."""

    __slots__ = ("at", "backlog", "beside", "items", "known")

    def __init__(self, at: float, items: int, beside: int, backlog: float, known: bool) -> None:
        self.at = at
        self.items = items
        self.beside = beside
        self.backlog = backlog
        self.known = known


class Costs:
    """See the module. ``in_flight``: calls now; ``share``: how much of the work before it a call waits for, 1 at an
    upstream that serves one after another, 0 where there is room for all; ``unfit_until``: upstreams did not understand
    a merged call. ``waiting``: who wants to know when a call has ended."""

    __slots__ = (
        "_largest",
        "_number",
        "_seen",
        "_unknown",
        "_until",
        "in_flight",
        "line",
        "share",
        "unfit_until",
        "waiting",
    )

    def __init__(self) -> None:
        self.line = Line(FIRST_GUESS_SECONDS, 0.0)
        self.share = 1.0
        self.in_flight = 0
        self.unfit_until = 0.0
        self.waiting: dict[Callable[[], None], None] = {}
        self._number = 0
        self._seen = 0
        self._largest = 0.0
        self._unknown = 0
        self._until = 0.0

    def send(self, now: float, items: int) -> Sent:
        """A call leaves."""
        self._number += 1
        known = items <= FAR * self._largest
        backlog = 0.0 if self._unknown else self.backlog(now)
        if known and backlog > LEAST_BACKLOG * self.line.at(items):
            self._seen = self._number  # it will tell
        sent = Sent(now, items, self.in_flight, backlog, known)
        self._until = now + self.backlog(now) + self.line.at(items)
        self._unknown += not known
        self.in_flight += 1
        return sent

    def end(self, sent: Sent, now: float, *, well: bool) -> None:
        """It has ended; only one that was answered well says how long such a call takes."""
        self.in_flight -= 1
        self._unknown -= not sent.known
        if well:
            self._learn(sent, now - sent.at)
        for tell in list(self.waiting):
            tell()

    def _learn(self, sent: Sent, seconds: float) -> None:
        line = self.line
        if not sent.beside:  # whoever came later is served later, or beside it
            if not line.weight:
                line.slope = seconds / sent.items * FIRST_SLOPE_SHARE
            line.learn(sent.items, seconds)
            self._largest = max(self._largest * FORGET, float(sent.items))
            return
        alone = line.at(sent.items)
        if sent.known and sent.backlog > LEAST_BACKLOG * alone:
            share = min(max((seconds - alone) / sent.backlog, 0.0), 1.0)
            self.share += (share - self.share) * LEARN

    def backlog(self, now: float) -> float:
        """Seconds of work that are before a call, if one is done after another."""
        return max(0.0, self._until - now) if self.in_flight else 0.0

    def would_wait(self, items: int, now: float) -> bool:
        """Whether a call of so many items that is sent now would only wait there: for what is before it, or, where
        several are served at once, for so much that it would take twice as long."""
        backlog, alone = self.backlog(now), self.line.at(items)
        if not self.in_flight or self._would_tell(items, backlog > LEAST_BACKLOG * alone):
            return False
        return self.share >= WAITS or self.share * backlog >= alone

    def _would_tell(self, items: int, there_is_work: bool) -> bool:
        """Whether a call would show whether it waits, which was not seen for some time."""
        known = 0 < items <= FAR * self._largest and not self._unknown
        return there_is_work and known and (not self._seen or self._number - self._seen >= PROBE)

    @property
    def saving(self) -> float:
        """Seconds that a caller saves by going along with others instead of after them: what a call takes however few
        items it has, as far as it delays the next."""
        return self.line.base * self.share

    def misfit(self, now: float) -> None:
        """A merged call was taken for something else."""
        self.unfit_until = now + UNFIT_SECONDS

    def pays(self) -> bool:
        """Whether many items in one call are sooner done, on the whole, than one after another."""
        return self.line.base > self.line.slope

    def takes(self, items: int) -> float:
        """Seconds that a call of so many items takes alone."""
        return self.line.at(items)

    def __repr__(self) -> str:
        return f"<Costs {self.line!r}, {self.in_flight} in flight>"


class AllCosts:
    """Those of all models, by operation and name. They outlive a configuration."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Costs] = {}

    def of(self, operation: str, model: str) -> Costs:
        """What is known of it; the first is forgotten of which nothing is on its way, where there are too many."""
        known = self._known.get((operation, model))
        if known is None:
            if len(self._known) >= MOST_MODELS:
                idle = next(
                    (key for key, costs in self._known.items() if not costs.in_flight and not costs.waiting), None
                )
                if idle is not None:
                    del self._known[idle]
            known = self._known[operation, model] = Costs()
        return known

    def dump(self, now: float) -> list[dict[str, Any]]:
        """What is known of each, if anything is."""
        return [
            {
                "operation": operation,
                "model": model,
                "fixed_seconds": costs.line.base,
                "item_seconds": costs.line.slope,
                "waits_for_others": costs.share,
                "in_flight": costs.in_flight,
                "unfit_seconds": max(0.0, costs.unfit_until - now),
            }
            for (operation, model), costs in self._known.items()
            if costs.line.weight or costs.unfit_until > now
        ]

    def __repr__(self) -> str:
        return f"<AllCosts of {len(self._known)} models>"

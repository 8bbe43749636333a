"""Ends semantic hits when it is proved that they err too often, and lets them return when the opposite is proved.

Enters: each request, what its check found; while hits have ended, whether what would have been given was wrong. Leaves:
``stopped``. One Watch for all (with an interval), and one for each partition, of which the longest unused go when there
are too many, those that are stopped last. Both proofs are e-processes (bound.py) at level α, each run anew.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from penstock.cache.verify.bound import Bets, Interval
from penstock.cache.verify.verdict import Id, Status

FIRST_CHECKS = 64
"""Checks before which little is known."""
SUSPICION = 1.5
"""The e-value from which on more is checked."""
CALM_EVERY = 64
PERSUADED_EVERY = 8
"""Requests between two looks at the evidence for a return."""


class Watch:
    """``stopped``: why hits have ended, "" while they have not. ``suspicious``: the evidence against them has begun to
    grow; then more of them should be checked, so that it is soon known."""

    __slots__ = (
        "_alpha", "_back", "_interval", "_largest", "_limit", "_per_hit", "_per_hit_limit", "_up", "checked", "hits",
        "requests", "stopped", "stops", "suspicious", "wrong",
    )  # fmt: skip

    def __init__(
        self, limit: float, per_hit: float | None, least_sampling: float, alpha: float, interval: bool = False
    ) -> None:
        self._limit = limit
        self._per_hit_limit = per_hit
        self._largest = 1.0 / least_sampling
        self._alpha = alpha
        self._interval = Interval(self._largest, alpha) if interval else None
        self._back: Bets | None = None
        self.requests = self.hits = self.checked = self.wrong = self.stops = 0
        self.stopped = ""
        self.suspicious = False
        self._begin()

    def _begin(self) -> None:
        self._up = Bets(self._limit, self._largest, above=True)
        self._per_hit = None if self._per_hit_limit is None else Bets(self._per_hit_limit, self._largest, above=True)
        self._back = None

    @property
    def doubtful(self) -> bool:
        """Whether more hits should be checked: there is a suspicion, or little is known yet."""
        return self.suspicious or self.checked < FIRST_CHECKS

    def request(self, hit: bool) -> None:
        """One more request, answered by a hit or not. An error of it, if one is found, is told by ``check``."""
        self.requests += 1
        if self._interval is not None:
            self._interval.see(0.0)
        if hit:
            self.hits += 1
            if self._per_hit is not None:
                self._per_hit.see(0.0)
        if not self.stopped:
            self._up.see(0.0)
            if self.suspicious and self.requests % CALM_EVERY == 0:
                self.suspicious = self._up.value >= SUSPICION

    def check(self, wrong: bool, sampling: float) -> None:
        """A hit, chosen to be checked with probability ``sampling``, was found right or wrong."""
        self.checked += 1
        if not wrong:
            return
        self.wrong += 1
        payoff = 1.0 / sampling
        if self._interval is not None:
            self._interval.correct(payoff)
        if self.stopped:  # begun before the end: known already
            return
        self._up.correct(payoff)
        value = self._up.value
        self.suspicious = value >= SUSPICION
        if value >= 1.0 / self._alpha:
            self._stop(f"wrong answers per request are above {self._limit:g}", value)
        elif self._per_hit is not None:
            self._per_hit.correct(payoff)
            if self._per_hit.value >= 1.0 / self._alpha:
                self._stop(f"wrong answers per hit are above {self._per_hit_limit:g}", self._per_hit.value)

    def _stop(self, why: str, value: float) -> None:
        self.stops += 1
        self.suspicious = False
        self.stopped = f"{why} (e-value {value:.3g}, {self.wrong} of {self.checked} checks)"
        self._back = Bets(self._limit, 1.0, above=False)

    def would(self, wrong: bool) -> None:
        """While hits have ended: one more request, and whether it would have been answered wrongly."""
        back = self._back
        if back is None:
            return
        back.see(1.0 if wrong else 0.0)
        if not wrong and back.count % PERSUADED_EVERY == 0 and back.value >= 1.0 / self._alpha:
            self.stopped = ""
            self._begin()

    def status(self) -> Status:
        low, high = self._interval.limits() if self._interval is not None else (0.0, 1.0)
        estimate = self._interval.estimate if self._interval is not None else 0.0
        back = self._back.value if self._back is not None else 0.0
        return Status(
            self.requests, self.hits, self.checked, self.wrong, estimate, low, high, self._up.value, back, self.stopped,
            self.stops,
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        return {
            "counts": [self.requests, self.hits, self.checked, self.wrong, self.stops],
            "stopped": self.stopped,
            "up": self._up.dump(),
            "per_hit": None if self._per_hit is None else self._per_hit.dump(),
            "back": None if self._back is None else self._back.dump(),
            "interval": None if self._interval is None else self._interval.dump(),
        }

    def load(self, kept: Any) -> None:
        """Take up what ``dump`` gave of the same limits. Raises ValueError, TypeError or KeyError if it is damaged."""
        counts = [int(one) for one in kept["counts"]]
        if len(counts) != 5 or min(counts) < 0 or not isinstance(kept["stopped"], str):
            raise ValueError("counts")
        self._begin()
        self._up.load(kept["up"])
        if self._per_hit is not None and kept["per_hit"] is not None:
            self._per_hit.load(kept["per_hit"])
        if kept["stopped"]:
            self._back = Bets(self._limit, 1.0, above=False)
            self._back.load(kept["back"])
        if self._interval is not None:
            self._interval.load(kept["interval"])
        self.stopped = kept["stopped"]
        self.requests, self.hits, self.checked, self.wrong, self.stops = counts

    def __repr__(self) -> str:
        state = f"stopped: {self.stopped}" if self.stopped else "open"
        return f"Watch({self.requests} requests, {self.hits} hits, {self.wrong} wrong of {self.checked}, {state})"


class Watches:
    """The watch of each partition; at most ``most`` of them."""

    __slots__ = ("_made", "_make_arguments", "_most")

    def __init__(self, most: int, limit: float, per_hit: float | None, least_sampling: float, alpha: float) -> None:
        self._most = most
        self._make_arguments = (limit, per_hit, least_sampling, alpha)
        self._made: OrderedDict[Id, Watch] = OrderedDict()

    def of(self, partition: Id) -> Watch:
        """The partition's watch; a new one if there is none."""
        watch = self._made.get(partition)
        if watch is None:
            if len(self._made) >= self._most:
                self._make_room()
            watch = self._made[partition] = Watch(*self._make_arguments)
        else:
            self._made.move_to_end(partition)
        return watch

    def known(self, partition: Id) -> Watch | None:
        return self._made.get(partition)

    def __len__(self) -> int:
        return len(self._made)

    def _make_room(self) -> None:
        # A stopped one would come back as if nothing had been: it goes only when nearly all are stopped.
        for number, (partition, watch) in enumerate(self._made.items()):
            if not watch.stopped:
                del self._made[partition]
                return
            if number >= MOST_LOOKS:
                break
        self._made.popitem(last=False)

    def dump(self) -> list[list[Any]]:
        """Those in which hits have ended: after a new start they must not begin again."""
        return [[partition, watch.dump()] for partition, watch in self._made.items() if watch.stopped]

    def load(self, kept: Any) -> None:
        """Take up what ``dump`` gave. Raises ValueError, TypeError or KeyError if it is damaged."""
        for partition, state in kept:
            if not isinstance(partition, bytes | str | int):
                raise ValueError("partition")
            self.of(partition).load(state)

    def stopped(self) -> dict[Id, str]:
        """The partitions in which hits have ended, and why."""
        return {partition: watch.stopped for partition, watch in self._made.items() if watch.stopped}


MOST_LOOKS = 64

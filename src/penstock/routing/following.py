"""The next step of a call whose attempt failed, when its wait is over: for answers that have not begun, and rescues.

Enters: a failure. Leaves: a Step among upstreams as they are by then, or None where there is nothing left to try. Where
all upstreams of the model are gone and its pool starts another replica, that is waited for, within the attempts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.finished import STARTING
from penstock.routing.attempts import Attempts, Step
from penstock.routing.failure import Failure
from penstock.routing.holding import Holding, Newest
from penstock.routing.table import Entry
from penstock.routing.targets import Target


@dataclass(frozen=True, slots=True)
class Following:
    """Of one exchange. ``newest``: an entry as it is by now; ``holding``: where calls wait for pools that have no
    replica; ``noted``: takes the name of a wait and its seconds."""

    exchange: Exchange
    newest: Newest
    holding: Holding | None
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    noted: Callable[[str, float], None]

    def able(self, entry: Entry) -> list[Target]:
        """Whom to ask after a failure: of an entry as it is now, for a call may last longer than its upstreams."""
        return self.newest(self.exchange, entry).candidates.spare(self.exchange.call, self.now())

    def at_once(self, attempts: Attempts, failure: Failure, target: Target) -> Step | None:
        """What to do after ``target`` failed so, its wait before it."""
        now = self.now()
        return attempts.after(failure, target, self.able, self.exchange.deadline - now, now)

    async def step(self, attempts: Attempts, failure: Failure, target: Target) -> Step | None:
        """See the module."""
        step = self.at_once(attempts, failure, target)
        if step is not None and step.wait:
            began = self.now()
            await self.sleep(step.wait)
            now = self.now()
            self.noted("retry", now - began)
            there = self.newest(self.exchange, step.entry).targets
            step = step.still(now, there) or attempts.instead(self.able, now)
        if step is None and await self._started(attempts, failure):
            step = attempts.instead(self.able, self.now())
        return step

    async def _started(self, attempts: Attempts, failure: Failure) -> bool:
        """Wait for a first replica, if it is that which is missing. Whether there is one."""
        entry, holding = self.newest(self.exchange, attempts.entry), self.holding
        if holding is None or entry.targets or self.exchange.deadline <= self.now():
            return False
        if not attempts.has_another(failure, self.now()):
            return False
        if not holding.takes(entry):
            return False
        began = self.now()
        try:
            await holding.wait(self.exchange, entry)
        except UpstreamError:
            return False  # what the attempt failed with says more
        finally:
            self.noted(STARTING, self.now() - began)
        return True

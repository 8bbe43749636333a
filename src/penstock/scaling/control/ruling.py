"""What is decided of one pool, round by round: its policy's word, unless a person or caution says otherwise. Pure.

Enters: what is seen, or that nothing is. Leaves: a Decision. Three things go before the policy: somebody set a number
or said to hold; nothing was seen lately; and after a start of the gateway nothing is taken away before the pause for
that has passed since the last change, for the policy has forgotten when that was.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import msgspec
from msgspec import Struct, structs

from penstock.scaling.config import PoolConfig
from penstock.scaling.policy import pauses
from penstock.scaling.seen import Action, Decision, Policy, Seen

AGAIN_SECONDS = 60.0
BEFORE_SECONDS = 3600.0
REMEMBERED = 200
"""Decisions that changed something."""
LONGEST_TEXT = 5000


class Held(Struct, frozen=True):
    """A person's word: ``count`` replicas, or None for as many as there are. ``until``: Unix seconds, 0 for until it is
    taken back."""

    count: int | None
    by: str
    since: float
    until: float = 0.0


class Kept(Struct):
    """What outlives a restart. ``starts``: seconds of the newest starts; ``changes``: the newest decisions that changed
    something; ``learned``: what capacity was learned from, as its learner tells it."""

    starts: list[float] = []
    held: Held | None = None
    changes: list[Decision] = []
    learned: dict[str, Any] = {}


def kept_of(stored: bytes) -> Kept:
    """What was stored, which others may have written. Raises ValueError for what cannot be shown or ruled by."""
    try:
        kept = msgspec.msgpack.decode(stored, type=Kept)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(str(error)) from None
    held = [] if kept.held is None else [kept.held]
    texts = [*(one.by for one in held), *(one.reason for one in kept.changes)]
    moments = [*(at for one in held for at in (one.since, one.until)), *(one.at for one in kept.changes)]
    if len(kept.changes) > REMEMBERED or any(len(text) > LONGEST_TEXT or not text.isprintable() for text in texts):
        raise ValueError("it has too many changes, or reasons that are none")
    if not all(math.isfinite(one) for one in (*moments, *(change.cost for change in kept.changes))):
        raise ValueError("it has moments or costs that are none")
    return kept


class Ruling:
    """See the module. ``began``: when this gateway did."""

    def __init__(self, pool: PoolConfig, policy: Policy, began: float) -> None:
        self.pool = pool
        self.policy = policy
        self.held: Held | None = None
        self.decided: Decision | None = None
        self.changes: deque[Decision] = deque(maxlen=REMEMBERED)
        self.before = 0
        """Replicas that were wanted when the gateway ended, shortly before it began."""
        self._began = began
        self._at = 0.0

    def decide(self, seen: Seen, *, blind: bool) -> Decision:
        """What should be from now on. ``blind``: nothing but what stands and waits is known."""
        at = self._at = max(self._at, seen.at)  # a clock that is put back must not confuse a policy
        seen = structs.replace(seen, at=at)
        if self.held is not None and 0 < self.held.until <= at:
            self.held = None
        decision = self._ruled(seen, blind=blind)
        if decision.wanted != seen.wanted and not self._is_said(decision):
            self.changes.append(decision)
        self.decided = decision
        return decision

    def restore(self, kept: Kept) -> None:
        """Go on from there; what happened since stays."""
        self.held = self.held or kept.held
        since = list(self.changes)
        self.changes.clear()
        self.changes.extend([*kept.changes, *since])
        if kept.changes and not since and self._began - kept.changes[-1].at < BEFORE_SECONDS:
            self.before = kept.changes[-1].wanted

    def _is_said(self, decision: Decision) -> bool:
        """Whether it was decided a moment ago: what is wanted is not yet so, or a call keeps the pool awake."""
        return bool(self.changes) and (
            self.changes[-1].wanted == decision.wanted and decision.at - self.changes[-1].at < AGAIN_SECONDS
        )

    def _ruled(self, seen: Seen, *, blind: bool) -> Decision:
        if self.held is not None:
            return self._as_held(seen, self.held)
        if blind:
            if seen.waiting and not seen.standing and not seen.wanted:
                return Decision(seen.at, max(1, self.pool.min), "scale_up", "calls wait, and nothing stands")
            before = min(self.pool.max, self.before)
            if before > seen.wanted:
                return Decision(seen.at, before, "scale_up", "as many as before the gateway began anew")
            return self._hold(seen, "nothing was seen of its calls lately")
        self.before = 0
        decision = self.policy.decide(seen)
        if decision.wanted < seen.wanted and (left := self._caution(seen.at)) > 0:
            why = f"{decision.wanted} would do ({decision.reason}), but after a start nothing is taken away for"
            return structs.replace(self._hold(seen, f"{why} another {left:.0f} s"), barred=decision.barred)
        return decision

    def _as_held(self, seen: Seen, held: Held) -> Decision:
        if held.count is None:
            return self._hold(seen, f"paused by {held.by}")
        wanted = min(self.pool.max, max(self.pool.min, held.count))
        action: Action = "hold" if wanted == seen.wanted else "scale_up" if wanted > seen.wanted else "scale_down"
        return Decision(seen.at, wanted, action, f"set to {held.count} by {held.by}", barred=not wanted)

    def _caution(self, at: float) -> float:
        _, pause = pauses(self.pool.policy)
        if at - self._began >= pause:
            return 0.0
        last = min(at, self.changes[-1].at) if self.changes else self._began
        return last + pause - at

    @staticmethod
    def _hold(seen: Seen, reason: str) -> Decision:
        return Decision(seen.at, seen.wanted, "hold", reason)

    def __repr__(self) -> str:
        return f"<Ruling by {self.policy.name}, {self.decided}>"

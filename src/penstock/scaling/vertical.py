"""Whether replicas may become as large as is wanted, and whether a change that was made should stay. Pure.

Enters: sizes, bounds; the calls of each window before and after a change. Leaves: lines that say what is wrong; a
Verdict. A change is watched from the moment on at which all replicas have the new size, against the calls of before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

from penstock.scaling.size import Size, amount
from penstock.scaling.vertical_config import VerticalConfig

BEFORE_WINDOWS = 60
"""Of ten seconds: with so much of the time before it, a change is compared."""
LEAST_CALLS = 200
"""Before and after, until something is said."""
LATE_MORE, FAILED_MORE = 0.05, 0.02
"""So much larger a share must be, and by more than chance makes it."""
BARRED_SECONDS = 86_400.0
"""A dimension whose change was taken back is left alone for so long."""


def problems(pool: str, wanted: Size, before: Size, config: VerticalConfig) -> list[str]:
    """Why replicas of ``before`` may not become ``wanted``."""
    if not config.on:
        return [f"pool {pool} is not to be resized: scaling.pools.{pool}.vertical.mode is off"]
    bounds, old, found = config.bounds(), before.said(), []
    for name, value in wanted.said().items():
        if value == old.get(name):
            continue
        if name not in bounds:
            now = f" from {amount(name, old[name])}" if name in old else ""
            found.append(
                f"pool {pool}: {name} would change{now} to {amount(name, value)}, and"
                f" scaling.pools.{pool}.vertical.{name} gives no bounds for it"
            )
        elif not bounds[name][0] <= value <= bounds[name][1]:
            least, most = (amount(name, one) for one in bounds[name])
            found.append(f"pool {pool}: {name} {amount(name, value)} is not between {least} and {most}, its bounds")
    return found


class Calls(NamedTuple):
    """Calls of a window: how many, how many of those failed; of how many the first token was seen, and how many of
    those were late."""

    calls: float = 0.0
    failed: float = 0.0
    judged: float = 0.0
    late: float = 0.0


class Trial(Struct):
    """A change that is watched. ``settled``: Unix seconds since which all replicas have the new size, 0 before."""

    before: Size
    size: Size
    at: float
    base: Calls
    since: Calls = Calls()
    settled: float = 0.0


class Verdict(Struct, frozen=True):
    """``back``: the change is to be taken back, for ``reason``."""

    does: Literal["back", "keep"]
    size: Size
    reason: str


class Course:
    """One pool that is resized without being asked. ``began``: when this gateway did: what was before it is not known,
    so that it waits as after a change."""

    def __init__(self, began: float) -> None:
        self.changed = began
        self.trial: Trial | None = None
        self.barred: dict[str, float] = {}
        self._windows: deque[Calls] = deque(maxlen=BEFORE_WINDOWS)

    def may(self, now: float, cooldown: float) -> bool:
        """Whether a change may be made now."""
        return self.trial is None and now - self.changed >= cooldown

    def free(self, wanted: Size, now: float) -> Size:
        """What of it was not taken back lately."""
        return Size(**{name: value for name, value in wanted.said().items() if self.barred.get(name, 0.0) <= now})  # type: ignore[arg-type]

    def stop(self, now: float) -> None:
        """A person has changed it: that is not judged, and has its time."""
        self.trial, self.changed = None, now
        self._windows.clear()

    def begin(self, before: Size, size: Size, now: float) -> None:
        """It was changed."""
        self.changed = now
        self.trial = Trial(before, size, now, _sum(self._windows))

    def take(self, window: Calls, now: float, cooldown: float, *, settled: bool) -> Verdict | None:
        """A window is over; ``settled``: all replicas stand, and have the size that they should have."""
        trial = self.trial
        if trial is None:
            self._windows.append(window)
            return None
        if not settled:
            trial.settled, trial.since = 0.0, Calls()
            late = now - trial.at > 2 * cooldown
            return self._over("back", "replicas of this size did not come to stand", now) if late else None
        trial.settled = trial.settled or now
        trial.since = _sum((trial.since, window))
        if worse := _worse(trial.base, trial.since):
            return self._over("back", worse, now)
        return self._over("keep", "it did no harm", now) if now - trial.settled >= cooldown else None

    def _over(self, does: Literal["back", "keep"], reason: str, now: float) -> Verdict:
        trial, self.trial = self.trial, None
        assert trial is not None
        self._windows.clear()
        self.changed = now
        if does == "back":
            old = trial.before.said()
            changed = [name for name, value in trial.size.said().items() if old.get(name) != value]
            self.barred |= dict.fromkeys(changed, now + BARRED_SECONDS)
        return Verdict(does, trial.before if does == "back" else trial.size, reason)

    def __repr__(self) -> str:
        return f"<Course {self.trial or 'nothing is tried'}>"


def _worse(base: Calls, since: Calls) -> str:
    """What got worse; "" where nothing is known to have."""
    if _grew(base.failed, base.calls, since.failed, since.calls, FAILED_MORE):
        return f"{since.failed / since.calls:.1%} of the calls failed, {base.failed / base.calls:.1%} before"
    if _grew(base.late, base.judged, since.late, since.judged, LATE_MORE):
        return f"{since.late / since.judged:.1%} of first tokens came late, {base.late / base.judged:.1%} before"
    return ""


def _grew(bad: float, of: float, bad_now: float, of_now: float, more: float) -> bool:
    """Whether a share grew by ``more``, and by more than three standard errors of the two."""
    if min(of, of_now) < LEAST_CALLS:
        return False
    share = (bad + bad_now) / (of + of_now)
    error = math.sqrt(share * (1 - share) * (1 / of + 1 / of_now))
    return bad_now / of_now - bad / of > max(more, 3 * error)


def _sum(calls: Iterable[Calls]) -> Calls:
    return Calls(*map(sum, zip(*calls, strict=True)))

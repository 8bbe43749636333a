"""What is seen of one pool: what came, what waits, and how its calls went. Pure: time is passed in.

Enters: numbers of right now, every second; the calls of each window of ten seconds. Leaves: a Seen. Load is what
*came*, not what ended: calls that began or joined a queue, each as much work as those that ended lately were; so it
is not held down by a pool that is too small, nor late by the length of a call.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from penstock.core.sketch import above, count, quantile
from penstock.core.windows import SPAN, Group
from penstock.scaling.learned import Did
from penstock.scaling.seen import Seen
from penstock.scaling.work import work

RECENT = 3
"""Windows over which quantiles and means are taken: one alone holds few calls."""
LEAST_SECONDS = 3.0
"""Of numbers of right now, from which on they tell what comes."""
STALE_SECONDS = 3 * SPAN
FORGET, SLOW_FORGET = 0.8, 0.98
FACTOR = (0.1, 100.0)
"""Calls that ended for each that began at a replica: batches make many of one, attempts that failed none."""


class Now(NamedTuple):
    """Of one worker and one pool: calls at its replicas, calls that were ever given to one, calls that wait for one."""

    in_flight: float
    begun: float
    waiting: float


class _Sample(NamedTuple):
    at: float
    begun: float
    in_flight: float
    waiting: float


class Sight:
    """See the module. ``goal``: seconds to the first token beyond which a call is late."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self._samples: deque[_Sample] = deque()
        self._begun: dict[int, float] = {}
        self._total = 0.0
        self._windows: deque[Group] = deque(maxlen=RECENT)
        self._shed: deque[float] = deque(maxlen=RECENT)
        self._window_at = float("-inf")
        self._calls, self._work = 0.0, 0.0
        self._ended, self._starts = 0.0, 0.0
        self._before = 0.0
        self._at_once = 0.0
        self.last_load = 0.0

    # ---- what comes in

    def note(self, at: float, workers: Mapping[int, Now]) -> None:
        """The numbers of right now, by worker. One that began anew counts from 0; one that is silent did nothing."""
        for worker, now in workers.items():
            before = self._begun.get(worker)
            if before is not None:
                self._total += now.begun - before if now.begun >= before else now.begun
            self._begun[worker] = now.begun
        in_flight = sum(one.in_flight for one in workers.values())
        waiting = sum(one.waiting for one in workers.values())
        if self._samples and at < self._samples[-1].at:
            self._samples.clear()  # the clock was put back
        self._samples.append(_Sample(at, self._total, in_flight, waiting))
        while at - self._samples[0].at > SPAN and len(self._samples) > 2:
            self._samples.popleft()

    def take(self, at: float, groups: Sequence[Group], shed: float = 0.0) -> None:
        """The calls of a window of ten seconds that is over; ``shed``: calls that were refused for want of replicas."""
        whole = Group()
        for one in groups:
            whole.add(one)
        self._windows.append(whole)
        self._shed.append(shed)
        self._window_at = at
        if self._samples and at - self._samples[-1].at > SPAN:
            self._samples.clear()  # nobody has looked for a while: what ended is all that is known
        self._calls = FORGET * self._calls + whole.calls
        self._work = FORGET * self._work + _work(whole)
        starts, self._before = self._total - self._before, self._total
        self._ended = SLOW_FORGET * self._ended + whole.calls
        self._starts = SLOW_FORGET * self._starts + max(0.0, starts)
        self.last_load = self.load

    # ---- what is seen

    def is_blind(self, now: float) -> bool:
        """Whether no window was seen lately: then nothing is to be decided."""
        return now - self._window_at > STALE_SECONDS

    @property
    def a_call(self) -> float:
        """The work of one call, as those were that ended lately; 1 before there was one."""
        return self._work / self._calls if self._calls >= 0.5 else 1.0

    @property
    def load(self) -> float:
        """Work that comes, a second."""
        came = self._came()
        return self._ended_rate() if came is None else came * self.a_call

    def _came(self) -> float | None:
        """Calls that came, a second, by the numbers of right now; None where they do not reach back far enough."""
        if len(self._samples) < 2:
            return None
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        if seconds < LEAST_SECONDS:
            return None
        shed = self._shed[-1] if self._shed else 0.0
        return self._between(first, last) / seconds + shed / SPAN

    def _between(self, first: _Sample, last: _Sample) -> float:
        """Calls that came between two moments, as many as will end: at replicas, or to wait."""
        factor = 1.0 if self._starts < 1 else min(FACTOR[1], max(FACTOR[0], self._ended / self._starts))
        return max(0.0, (last.begun - first.begun) * factor + last.waiting - first.waiting)

    def burst(self, seconds: float) -> float:
        """Work that came in the last ``seconds`` alone, a second, less one deviation of chance: what a mean over ten
        hides, where replicas are there sooner. 0 for longer times and where nobody looked so often."""
        last = self._samples[-1] if self._samples else None
        if last is None or not 0 < seconds < SPAN:
            return 0.0
        first = next((one for one in reversed(self._samples) if last.at - one.at >= max(seconds, 1.0) * 0.95), None)
        if first is None or last.at - first.at >= SPAN / 2:
            return 0.0
        came = self._between(first, last)
        return max(0.0, came - math.sqrt(came)) / (last.at - first.at) * self.a_call

    def _ended_rate(self) -> float:
        if not self._windows:
            return 0.0
        newest = self._windows[-1]
        return (_work(newest) + self._shed[-1] * self.a_call) / SPAN

    def carried_by(self, slots: float) -> float:
        """Load that so many calls at once are, each as long as they were when there last were some; 0 while no call was
        seen."""
        recent = Group()
        for one in self._windows:
            recent.add(one)
        if recent.calls and recent.total:
            self._at_once = self.a_call * recent.calls / recent.total
        return slots * self._at_once

    def did(self, ready: int) -> Did | None:
        """What came in the newest window, and how ``ready`` replicas did, for who learns what one carries. Calls that
        were refused are late. None where no call ended: nothing is known of what came then."""
        if not self._windows or not self._windows[-1].calls:
            return None
        newest, shed = self._windows[-1], self._shed[-1]
        came = self._came()
        calls = newest.calls / SPAN if came is None else came
        prompt = max(0, newest.tokens_in - newest.tokens_cached) / newest.calls
        late_ones = above(newest.firsts, self.goal)
        held = min(newest.held, late_ones)  # they waited for a start: that says nothing of what a replica carries
        judged = count(newest.firsts) - held + shed
        late = (late_ones - held + shed) / judged if judged else 0.0
        answer = newest.tokens_out / newest.calls
        return Did(calls, calls * prompt, calls * answer, newest.calls / SPAN, ready, late, judged)

    def seen(self, at: float) -> Seen:
        """All but what stands, and what was learned."""
        recent = Group()
        for one in self._windows:
            recent.add(one)
        newest = self._windows[-1] if self._windows else Group()
        firsts = count(recent.firsts)
        now = self._samples[-1] if self._samples else _Sample(at, 0.0, 0.0, 0.0)
        came = self._came()
        return Seen(
            at, SPAN, self.load, newest.calls / SPAN if came is None else came,
            newest.tokens_in / SPAN, newest.tokens_out / SPAN, now.in_flight, now.waiting,
            ttft=quantile(recent.firsts, 0.95), late=above(recent.firsts, self.goal) / firsts if firsts else 0.0,
            response=recent.total / recent.calls if recent.calls else None,
            token_rate=recent.tokens_out / recent.generating if recent.generating else 0.0,
            hit_rate=min(1.0, recent.tokens_cached / recent.tokens_in) if recent.tokens_in else 0.0,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Sight {self.load:.4g} of load, {len(self._windows)} windows>"


def _work(group: Group) -> float:
    return work(group.calls, group.tokens_in, group.tokens_cached, group.tokens_out) if group.calls else 0.0

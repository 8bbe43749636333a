"""A pool of simulated engines, call by call: what the fluid pool is checked against, and where capacity is learned. Pure.

Each replica batches, queues and keeps KV as in ``engine.py``; a call goes to the one with the least to do for its speed.
Recorded calls, a policy, a cold start; what a replica carries is learned on the way, or given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from penstock.scaling.learned import PROMPT_TOKEN, Capacity, Did
from penstock.scaling.seen import Policy, Seen
from penstock.simulate.engine import Replica, Work
from penstock.simulate.hardware import Engine
from penstock.simulate.traces import Trace

WINDOW = 10.0
NEVER = float("inf")


@dataclass(slots=True)
class Outcome:
    """Calls, late ones, replica-seconds; and, window by window, what was taken for a replica's load at the goal."""

    calls: int = 0
    late: int = 0
    paid: float = 0.0
    carried: list[float] = field(default_factory=list)
    standing: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Seat:
    replica: Replica
    asked: float
    ready: float
    leaving: bool = False


class EnginePool:
    """See the module. ``speeds``: of replicas in the order in which they are asked for, again and again; ``goal``:
    seconds of waiting beside what the prompt itself takes."""

    def __init__(
        self, engine: Engine, policy: Policy, capacity: Capacity | float, starts: float, first: int = 1,
        speeds: tuple[float, ...] = (1.0,), goal: float = 2.0,
    ) -> None:  # fmt: skip
        self._engine, self._policy, self._capacity = engine, policy, capacity
        self._starts, self._goal, self._speeds = starts, goal, speeds
        self._seats: list[_Seat] = []
        self._asked = 0
        self._events: list[tuple[float, int, int, _Seat]] = []
        self._held: list[tuple[Work, float]] = []
        self._came: dict[int, tuple[float, int]] = {}
        self.outcome = Outcome()
        self._window = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # calls, prompt, answer, served, judged, late
        self._ask(first, -starts)

    def _ask(self, count: int, now: float) -> None:
        for _ in range(count):
            speed = self._speeds[self._asked % len(self._speeds)]
            self._asked += 1
            self._seats.append(_Seat(Replica(self._engine, speed), now, now + self._starts))

    def play(self, trace: Trace) -> Outcome:
        """All calls of ``trace``."""
        rows = trace.rows
        at, due = 0, WINDOW
        while at < len(rows) or self._events or self._held:
            arrival = rows[at].at if at < len(rows) else NEVER
            event = self._events[0][0] if self._events else NEVER
            now = min(arrival, event, due)
            if now == due:
                self._round(now)
                due += WINDOW
            elif now == event:
                _, _, version, seat = heappop(self._events)
                if seat.replica.version == version:
                    self._step(seat, now)
            else:
                row = rows[at]
                work = Work(at, row.prompt, row.output, row.blocks)
                self._came[at] = (now, row.prompt)
                for place, amount in enumerate((1.0, float(row.prompt), float(row.output))):
                    self._window[place] += amount
                self._send(work, now)
                at += 1
        return self.outcome

    def _send(self, work: Work, now: float) -> None:
        able = [one for one in self._seats if one.ready <= now and not one.leaving]
        if not able:
            self._held.append((work, now))
            return
        best = min(able, key=lambda one: (len(one.replica.waiting) + one.replica.running) / one.replica.speed)
        best.replica.arrive(work, now)
        self._plan(best)

    def _plan(self, seat: _Seat) -> None:
        if seat.replica.next < NEVER:
            heappush(self._events, (seat.replica.next, id(seat), seat.replica.version, seat))

    def _step(self, seat: _Seat, now: float) -> None:
        for work in seat.replica.step(now):
            if work.first == now:
                came, prompt = self._came[work.number]
                alone = prompt / self._engine.peak / seat.replica.speed
                late = now - came > self._goal + alone
                self.outcome.calls += 1
                self.outcome.late += late
                self._window[4] += 1
                self._window[5] += late
            if work.end:
                self._window[3] += 1
                self._came.pop(work.number, None)
        self._plan(seat)

    def _round(self, now: float) -> None:
        """A window is over: learn, look, decide."""
        calls, prompt, answer, served, judged, late = self._window
        self._window = [0.0] * 6
        ready = [one for one in self._seats if one.ready <= now and not one.leaving]
        starting = [one for one in self._seats if one.ready > now]
        share = late / judged if judged else 0.0
        if isinstance(self._capacity, Capacity):
            settled = [one for one in ready if one.ready <= now - WINDOW]
            if len(settled) == len(ready):  # one that came in the middle of it would be counted for whole
                self._capacity.learn(Did(calls / WINDOW, prompt / WINDOW, answer / WINDOW, served / WINDOW, len(ready),
                                         share, judged))  # fmt: skip
            carries = self._capacity.carries
        else:
            carries = self._capacity
        waiting = len(self._held) + sum(len(one.replica.waiting) for one in ready)
        wanted = len(ready) + len(starting)
        seen = Seen(
            now, WINDOW, (PROMPT_TOKEN * prompt + answer) / WINDOW, calls / WINDOW, prompt / WINDOW, answer / WINDOW,
            float(sum(one.replica.running for one in ready)), float(waiting), len(ready), len(starting),
            wanted=wanted, late=share, response=5.0, carries=carries, starts=self._starts,
        )  # fmt: skip
        self._want(self._policy.decide(seen).wanted - wanted, ready, now)
        self.outcome.paid += len(self._seats) * WINDOW
        self.outcome.carried.append(carries)
        self.outcome.standing.append(len(ready))
        if self._held and any(one.ready <= now and not one.leaving for one in self._seats):
            held, self._held = self._held, []
            for work, _ in held:
                self._send(work, now)

    def _want(self, more: int, ready: list[_Seat], now: float) -> None:
        if more > 0:
            self._ask(more, now)
        for seat in sorted(ready, key=lambda one: one.replica.running)[: max(0, -more)]:
            seat.leaving = True
        self._seats = [one for one in self._seats if not one.leaving or one.replica.running or one.replica.waiting]

    def __repr__(self) -> str:
        return f"<EnginePool of {len(self._seats)}, {self.outcome.calls} calls>"

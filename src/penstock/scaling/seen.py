"""What a scaling policy sees of a pool at one moment, and what it decides. Pure, plain values.

The same policies decide while serving and in simulation, where time is virtual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct

Action = Literal["scale_up", "scale_down", "hold"]
Upper = Callable[[float, float], float | None]
"""``upper(seconds, share)``: the load that will not be exceeded so many seconds ahead with the probability ``share``,
in the unit of ``Seen.load``. None while nothing can be said."""


class Seen(Struct, frozen=True):
    """``at``: seconds (Unix, or of a simulation). ``load`` is demand in the unit in which capacity is learned: work
    that came in, a second, answered or not; ``requests``, ``tokens_in``, ``tokens_out``: a second, over the last
    ``span`` seconds. ``burst``: load over the last seconds alone, a start's time, less what may be chance; 0 where
    that is no shorter. ``in_flight``: calls at replicas; ``waiting``: calls that wait (held, queued). ``ready``,
    ``starting``, ``draining``: replicas; ``wanted``: as asked for last. ``ttft``: its 95 % quantile in seconds over
    the span, None without a call; ``late``: share of the calls over the goal. ``response``: mean seconds of a call,
    ``token_rate``: tokens a second of one call, ``hit_rate``: of prompt tokens that engines had cached. ``carries``:
    load of one replica at the goal, 0 while it is not known; ``starts``: seconds from wanting a replica to its first
    answer. ``upper``: the forecast, None without one."""

    at: float
    span: float = 10.0
    load: float = 0.0
    requests: float = 0.0
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    in_flight: float = 0.0
    waiting: float = 0.0
    ready: int = 0
    starting: int = 0
    draining: int = 0
    wanted: int = 0
    ttft: float | None = None
    late: float = 0.0
    response: float | None = None
    token_rate: float = 0.0
    hit_rate: float = 0.0
    carries: float = 0.0
    starts: float = 0.0
    upper: Upper | None = None
    burst: float = 0.0

    @property
    def standing(self) -> int:
        """Replicas that serve or soon will."""
        return self.ready + self.starting

    @property
    def is_idle(self) -> bool:
        """Whether nothing comes, is under way or waits."""
        return not (self.load or self.in_flight or self.waiting)


class Decision(Struct, frozen=True):
    """``wanted``: replicas, from now on. ``confidence``: 0 to 1. ``cost``: dollars an hour more (or less) than what
    stands; ``reason``: for people, with the numbers it rests on. ``barred``: none may stand now, whoever calls."""

    at: float
    wanted: int
    action: Action
    reason: str
    confidence: float = 1.0
    cost: float = 0.0
    barred: bool = False


class Policy(Protocol):
    """Decides how many replicas a pool should have. It keeps what it needs between two questions."""

    name: str

    def decide(self, seen: Seen) -> Decision:
        """Asked every few seconds, ``seen.at`` never less than before."""

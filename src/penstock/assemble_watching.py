"""The composition root's part for what is seen over time: the windows of each worker, gathered by the first of them.

Every worker counts its calls into windows. Worker 0 gathers those of all, joins them, and gives each to who keeps or
judges it (``takers``, in order); it also answers what is asked about that (``answers``, by the name of the part).
Without the history slice nothing is seen over time.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from penstock.assemble_alerts import Alerts, alerting
from penstock.assemble_cost import spending
from penstock.assemble_feedback import hearing
from penstock.assemble_gauges import gauging
from penstock.assemble_history import history
from penstock.assemble_insight import Insight, insight
from penstock.assemble_optimizer import optimizing
from penstock.assemble_report import reporting
from penstock.assemble_scaling import Scaling, scaling
from penstock.config import Config
from penstock.core.windows import SPAN, Window, decoded, encoded
from penstock.edge.generation import LocalRoute

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.insight.findings import Bottleneck

log = logging.getLogger("penstock")

SETTLE_SECONDS = 1.0
"""After the end of a window it is gathered: workers close theirs a few times a second."""
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Part(Protocol):
    """Keeps or judges windows. It adds what it does to ``takers`` and ``answers`` of the Watching that it is made with;
    ``open`` begins its services, at worker 0 only what is done once for all."""

    def open(self) -> None: ...

    def follow(self, config: Config) -> None: ...


class History(Protocol):
    """What there was, at the leading worker."""

    async def between(self, since: float, until: float, step: float) -> list[Window]:
        """Windows of ``step`` seconds (a multiple of 10) from ``since`` to ``until`` (Unix seconds), oldest first.
        Where nothing is kept there is none. Raises ValueError for a step finer than what is kept of that time."""


class Watching:
    """See the module. It survives reloads."""

    name = "watching"

    def __init__(self, gateway: Gateway) -> None:
        from penstock.history.gathering import LATE_SECONDS, Gathering
        from penstock.history.tally import Tally

        self.gateway = gateway
        self.tally = Tally(gateway.clock.wall(), gateway.number)
        self.takers: list[Callable[[Window], None]] = []
        self.answers: dict[str, Answer] = {}
        self.alerts: Alerts | None = None
        self.gauges: Callable[[], dict[str, float]] = dict
        self.insight: Insight | None = None
        self.scaling: Scaling | None = None
        self.bottlenecks_open: Callable[[], Sequence[Bottleneck]] = list
        self.history: History | None = None
        self.gathering = Gathering(self.tally.start - LATE_SECONDS)  # other workers may have been quicker
        self.last_gauges: dict[str, float] = {}
        self.parts = [part for make in PARTS if (part := make(self)) is not None]
        if gateway.observed is not None:
            gateway.observed.counters.append(self.tally.add)

    @property
    def leads(self) -> bool:
        """Whether this worker gathers the windows of all."""
        return self.gateway.number == 0

    def open(self) -> None:
        """Begin."""
        for part in self.parts:
            part.open()
        if self.leads:
            self.gateway.crew.supervise(self)

    def follow(self, config: Config) -> None:
        """Its parts take their settings from ``config``."""
        for part in self.parts:
            part.follow(config)

    def flush(self) -> None:
        """A few times a second: end the window when its time is over."""
        now = self.gateway.clock.wall()
        if now >= self.tally.start + SPAN:
            if self.gateway.observed is not None:
                self.gateway.observed.hand_on()  # what ended in the window is in it
            self.last_gauges = self.gauges()
            self.tally.close(now, self.last_gauges)

    def routes(self) -> dict[str, LocalRoute]:
        """What its parts answer to callers, by exact path."""
        return {path: route for part in self.parts if hasattr(part, "routes") for path, route in part.routes().items()}

    def prefixes(self) -> dict[str, LocalRoute]:
        """By the beginning of the path; what ``edge/watch_routes.py`` answers is not among it."""
        return {}

    async def windows(self, after: float) -> list[str]:
        """This worker's that are over and began after ``after``."""
        return [encoded(window).decode() for window in self.tally.over(after)]

    async def answer(self, part: str, question: dict[str, Any]) -> dict[str, Any]:
        """What ``part`` says to ``question``; a wrong question is told as problems."""
        asked = self.answers.get(part)
        if asked is None:
            return {"status": 404, "code": "not_found", "problems": [f"{part} is not installed here"]}
        return await asked(question)

    async def run(self) -> None:
        """Gather, window by window."""
        wall = self.gateway.clock.wall
        while not self.gateway.endpoint.stopping:  # where it was renewed, its successor leads
            await asyncio.sleep(max(0.1, self.tally.start + SPAN + SETTLE_SECONDS - wall()))
            with contextlib.suppress(OSError):
                await self.gather()

    async def gather(self) -> None:
        """Join what is over at all workers, and give it away."""
        told = await self.gateway.fleet.windows(self.gathering.after)
        for window in self.gathering.take(map(decoded, told)):
            self._give(window)

    def _give(self, window: Window) -> None:
        for taker in self.takers:
            try:
                taker(window)
            except Exception:
                log.exception("%r failed on the window at %.0f", taker, window.start)


PARTS: tuple[Callable[[Watching], Part | None], ...] = (
    history, alerting, gauging, hearing, spending, insight, reporting, optimizing, scaling,
)  # fmt: skip
"""What makes the parts, each in its own file ``assemble_<part>.py``, in the order in which they are given windows. A
part that is not installed is None."""


def watching(gateway: Gateway) -> Watching | None:
    """A Watching if the history slice is installed."""
    return Watching(gateway) if importlib.util.find_spec("penstock.history") is not None else None

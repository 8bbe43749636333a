"""The composition root's part for the dashboard: its page, its log-in, and what is told live.

A worker tells its pulse when it is asked, and asks for everybody's once a second while somebody watches; else it does
nothing. Without the folder ``edge/dashboard`` there is no page; the admin API is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.assemble_health import health_of
from penstock.auth.config import AuthConfig
from penstock.config import Config
from penstock.core.windows import Window
from penstock.edge.config import ListenConfig
from penstock.edge.key_routes import KeyRoutes
from penstock.edge.live_routes import HEARTBEAT, Feed, LiveRoutes, event
from penstock.edge.live_sums import SPAN_SECONDS, blamed, counts_of, models_of
from penstock.edge.login import Login

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.assemble_door import Paths
    from penstock.assemble_watching import Watching

EVERY_SECONDS = 1.0
WINDOWS = 6
"""Percentiles are of the last minute."""
ANSWER_SECONDS = 1.0
KEPT_SECONDS = 5.0
"""What costs more than a look (money, findings) is asked this often."""
DAY = 86_400
MOST_OPEN = 50
"""Anomalies and alerts that are told live."""


class Dashboard:
    """Of one worker. It survives reloads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.feed = Feed(self._watched)
        self._running: asyncio.Task[None] | None = None
        self._windows: deque[Window] = deque(maxlen=WINDOWS)
        self._found: dict[str, Any] = {}
        self._found_at = float("-inf")
        self._pages: Paths | None = _pages()
        if gateway.watching is not None:
            gateway.watching.takers.append(self._windows.append)

    def paths(self, config: Config) -> list[Paths]:
        """What is answered here under ``config``."""
        gateway = self._gateway
        mode, tls = config.of(AuthConfig).mode, config.of(ListenConfig).tls is not None
        login = Login(gateway.fleet, mode, tls, gateway.keys.failures, gateway.clock.now)
        paths: list[Paths] = [LiveRoutes(gateway.fleet, self.feed), KeyRoutes(gateway.keys.rows)]
        return paths if self._pages is None else [*paths, login, self._pages]

    # ---- told to viewers

    def _watched(self) -> None:
        if self._running is None or self._running.done():
            self._running = self._gateway.crew.spawn(self._run(), "live")

    async def _run(self) -> None:
        gateway, feed = self._gateway, self.feed
        while feed.viewers:
            frame = HEARTBEAT
            with contextlib.suppress(OSError, TimeoutError):
                frame = event(await gateway.fleet.live_now())
            feed.give(frame, gateway.clock.now())
            if gateway.endpoint.stopping:
                feed.end()
                return
            await asyncio.sleep(EVERY_SECONDS)

    # ---- told to the supervisor

    async def pulse(self, recent: bool) -> dict[str, Any]:
        """This worker's numbers of just now; ``recent``: also of what ended in the last seconds."""
        gateway = self._gateway
        now = gateway.clock.now()
        targets = gateway.upstreams.targets
        states = health_of(targets, now)
        admission = None if gateway.admitting is None else gateway.admitting.dump()
        queues = [] if admission is None else admission["queues"].values()
        memory = gateway.keeping.dump()
        levels = {} if gateway.streams is None else gateway.streams.counts.levels
        board = None if gateway.observed is None else gateway.observed.board
        told = {
            "worker": gateway.number,
            "started": gateway.started,
            "in_flight": 0 if board is None else board.in_flight,
            "queued": sum(sum(queue["waiting"].values()) for queue in queues),
            "streams": {
                "open": sum(levels.values()),
                "slow": 0 if gateway.streams is None else gateway.streams.counts.paused,
                "rescued": 0 if board is None else sum(board.rescues.values()),
            },
            "memory": {name: memory[name] for name in ("share", "level", "rss", "limit", "refused")},
            "upstreams": {
                target.name: {**states[target.name], "in_flight": target.in_flight} for target in targets
            },
            "awaited": gateway.waits_for(),
            "unserved": [
                entry.label for entry in gateway.edition.table.entries
                if entry.targets and not any(target.usable(now) for target in entry.targets)
            ],
            "leads": None if gateway.watching is None else await self._leads(gateway.watching),
            **self._counted(),
        }  # fmt: skip
        return told | {"recent": self._recent()} if recent else told

    def _counted(self) -> dict[str, Any]:
        """Counts since the start of this worker."""
        observed = self._gateway.observed
        calls, faults, retries = 0, dict[str, int](), dict[str, int]()
        if observed is not None:
            observed.hand_on()  # so that a call that has just ended is among them
            for (_, _, upstream, _, fault), number in observed.board.calls():
                calls += number
                if fault:
                    name = blamed(fault, upstream)
                    faults[name] = faults.get(name, 0) + number
            for (_, upstream), number in observed.board.retries.items():
                retries[upstream] = retries.get(upstream, 0) + number
        return {"calls": calls, "faults": faults, "retries": retries}

    def _recent(self) -> dict[str, Any]:
        observed = self._gateway.observed
        return counts_of(
            () if observed is None else observed.recent.newest(), self._gateway.clock.wall() - SPAN_SECONDS
        )

    async def _leads(self, watching: Watching) -> dict[str, Any] | None:
        """What only the worker knows that gathers the windows of all."""
        if not watching.leads:
            return None
        now = self._gateway.clock.now()
        if now - self._found_at >= KEPT_SECONDS:
            self._found_at = now
            models, parts = models_of(self._windows), sorted(watching.answers)
            self._found = {"models": models, "parts": parts, **await _findings(watching)}
        return self._found | {"pools": {} if watching.scaling is None else watching.scaling.brief()}


async def _findings(watching: Watching) -> dict[str, Any]:
    told: dict[str, Any] = {}
    now = watching.gateway.clock.wall()
    for part, question, tell in _ASKED:
        with contextlib.suppress(Exception):  # one that fails must not hide the others; its own view tells why
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await watching.answer(part, question(now))
            if "problems" not in answer:
                told |= tell(answer)
    return told


def _pages() -> Paths | None:
    if importlib.util.find_spec("penstock.edge.dashboard") is None:
        return None
    from penstock.edge.dashboard.pages import Pages

    return Pages()


def _spend(answer: dict[str, Any]) -> dict[str, Any]:
    """Of ``cost`` by hour since midnight."""
    rows, total = answer["rows"], answer["total"]
    return {
        "spend": {
            "today": total["cost"],
            "hour": rows[-1]["cost"] if rows else 0,
            "saved": sum(total["saved"].values()),
        }
    }


def _today(now: float) -> dict[str, str]:
    return {"by": "hour", "since": str(int(now // DAY * DAY)), "forecast": "false"}


_ASKED: tuple[tuple[str, Callable[[float], dict[str, str]], Callable[[dict[str, Any]], dict[str, Any]]], ...] = (
    ("anomalies", lambda _: {"last": "0"}, lambda answer: {"anomalies": answer["open"][:MOST_OPEN]}),
    ("alerts", lambda _: {"count": "0"}, lambda answer: {"alerts": answer["open"][:MOST_OPEN]}),
    ("cost", _today, _spend),
)
"""Parts that are asked, what, and what is told of their answer."""

"""``GET /admin/v1/live``: how it is just now, once a second, as server-sent events.

Enters: admin requests. Leaves: an event a second with the same bytes for every viewer; with ``?once`` one JSON object.
Who reads too slowly misses events and gets the newest. May fail: GatewayError 503 when there are too many viewers. One
whose key is revoked, or who logs out, gets no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.core.call import Headers
from penstock.core.errors import Fail, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Sink
from penstock.edge.fleet import Fleet
from penstock.edge.generation import Generation, LocalRoute

LIVE = "/admin/v1/live"
MOST_VIEWERS = 32
LONGEST_SECONDS = 300.0
"""A viewer is asked to come again after this, so that nothing old is kept for it."""
_EVENTS: Headers = [(b"content-type", b"text/event-stream")]
_AGAIN = b"event: again\ndata: {}\n\n"
HEARTBEAT = b": nothing new\n\n"


def event(value: dict[str, Any]) -> bytes:
    """What is told, as an event."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


class Viewer:
    """A Source: what one of them sees."""

    __slots__ = ("_left", "_may", "_missed", "_over", "_paused", "_sink", "until")

    def __init__(self, until: float, may: Callable[[], object], left: Callable[[Viewer], None]) -> None:
        self.until = until
        self._may = may
        self._left = left
        self._sink: Sink | None = None
        self._paused = False
        self._missed = b""
        self._over = False

    def start(self, sink: Sink) -> None:
        if self._over:
            return
        self._sink = sink
        sink.push(b"retry: 1000\n\n")

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._missed and self._sink is not None:
            missed, self._missed = self._missed, b""
            self._sink.push(missed)

    def cancel(self, reason: str) -> None:
        self._over = True
        self._sink = None
        self._left(self)

    def give(self, frame: bytes) -> None:
        """Show it, or keep the newest for later."""
        if self._sink is None:
            return
        try:
            self._may()
        except Fail:
            self.end()
            return
        if self._paused:
            self._missed = frame
        else:
            self._sink.push(frame)

    def end(self, last: bytes = b"") -> None:
        """No more."""
        sink, self._sink = self._sink, None
        self._over = True
        self._left(self)
        if sink is not None:
            if last and not self._paused:
                sink.push(last)
            sink.end(None)


class Feed:
    """The viewers of one worker. ``watched`` is called when the first comes."""

    def __init__(self, watched: Callable[[], None]) -> None:
        self.viewers: list[Viewer] = []
        self.newest = b""
        self._watched = watched

    def join(self, until: float, may: Callable[[], object]) -> Viewer:
        """One more. Raises GatewayError."""
        if len(self.viewers) >= MOST_VIEWERS:
            raise GatewayError(f"{MOST_VIEWERS} are watching already", code="too_many_viewers", retry_after=5)
        viewer = Viewer(until, may, self._gone)
        self.viewers.append(viewer)
        if len(self.viewers) == 1:
            self._watched()
        return viewer

    def _gone(self, viewer: Viewer) -> None:
        if viewer in self.viewers:
            self.viewers.remove(viewer)

    def give(self, frame: bytes, now: float) -> None:
        """Show ``frame`` to all; send those away whose time is over."""
        for viewer in list(self.viewers):
            viewer.give(frame)
            if now >= viewer.until:
                viewer.end(_AGAIN)

    def end(self) -> None:
        """Send all away."""
        for viewer in list(self.viewers):
            viewer.end(_AGAIN)

    def __repr__(self) -> str:
        return f"<Feed of {len(self.viewers)} viewers>"


class LiveRoutes:
    """See the module."""

    def __init__(self, fleet: Fleet, feed: Feed) -> None:
        self._fleet = fleet
        self._feed = feed

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {LIVE: LocalRoute(self.live)}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    async def live(self, exchange: Exchange) -> Reply:
        """A stream of events, or one object."""
        if exchange.call.query == b"once" or exchange.call.method == "HEAD":
            body = msgspec.json.encode(await self._fleet.live_now()) + b"\n"
            return Reply(200, [(b"content-type", b"application/json")], body)
        headers = exchange.call.headers
        generation = exchange.generation
        assert isinstance(generation, Generation)
        authorize = generation.authorize
        left = 0.9 * (exchange.deadline - exchange.started)
        until = exchange.started + min(LONGEST_SECONDS, left)
        viewer = self._feed.join(until, lambda: authorize(headers, "admin"))
        return Reply(200, list(_EVENTS), viewer, events=True)

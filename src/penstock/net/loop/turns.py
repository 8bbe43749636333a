"""The turns of an event loop: wait for sockets and timers, let the transports read and write, call what is due.

Sockets of ours are watched by one epoll; all else (pipes, listeners, sockets that connect) by asyncio's selector, which
has a descriptor itself and is watched like a socket. A descriptor is closed only in the calls at the end of a turn,
never while events are given out: no event can reach whoever got the same number anew.
"""

from __future__ import annotations

import logging
import select
import time
from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from penstock.net.loop.handles import Handle, TimerHandle

if TYPE_CHECKING:
    from penstock.net.loop.transport import SocketTransport

log = logging.getLogger("asyncio")

FEW_TIMERS: Final = 100
"""Up to here cancelled timers stay until their time has come, as in asyncio; of more, half may be cancelled."""
LONGEST_WAIT: Final = 24 * 3600.0
IN: Final = 1
"""``select.EPOLLIN``, which macOS has not."""


class Turns:
    """See the module. ``loop`` is asyncio's, whose queue ``_ready`` is ours, too. ``transports``: those that have not
    ended, by descriptor; ``cancelled``: that many of the timers are; ``debug``: calls that are slow are logged."""

    __slots__ = ("_epoll", "_loop", "_number", "_others", "_poll", "_ready", "_timers", "cancelled",
                 "debug", "transports")  # fmt: skip

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._ready: deque[Any] = loop._ready
        self._timers: list[tuple[float, int, Any]] = []
        self._number = 0
        self.cancelled = 0
        self.debug = False
        self.transports: dict[int, SocketTransport] = {}
        self._epoll: Any = select.epoll()
        self._poll: Any = self._epoll.poll
        self._others: int = loop._selector.fileno()
        self._epoll.register(self._others, IN)

    # ---- what the loop is asked for

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Handle:
        """As asyncio's: called in this turn if it is asked by an event, else in the next."""
        handle = Handle(self, callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> TimerHandle:
        """As asyncio's."""
        when = time.monotonic() + delay
        timer = TimerHandle(self, when, callback, args, context)
        self._push(when, timer)
        return timer

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> TimerHandle:
        """As asyncio's."""
        timer = TimerHandle(self, when, callback, args, context)
        self._push(when, timer)
        return timer

    def schedule(self, when: float, timer: Any) -> None:
        """Call a timer, ours or asyncio's, at that time; those of one time in the order in which they came."""
        timer._scheduled = True
        self._push(when, timer)

    def _push(self, when: float, timer: Any) -> None:
        self._number += 1
        heappush(self._timers, (when, self._number, timer))

    def tell(self, context: dict[str, Any]) -> None:
        """Something failed: the loop's exception handler hears of it."""
        self._loop.call_exception_handler(context)

    def watch(self, fd: int, old: int, new: int) -> None:
        """From now on a socket waits for the events ``new``, and no more for ``old``."""
        if not old:
            self._epoll.register(fd, new)
        elif new:
            self._epoll.modify(fd, new)
        else:
            self._epoll.unregister(fd)

    # ---- a turn

    def run_once(self) -> None:
        """One turn. What is asked for by a call waits for the next."""
        timers = self._tidy()
        ready = self._ready
        timeout = -1.0
        if ready or self._loop._stopping:
            timeout = 0.0
        elif timers:
            timeout = min(max(0.0, timers[0][0] - time.monotonic()), LONGEST_WAIT)
        batch: list[tuple[int, int]] = self._poll(timeout)
        transports = self.transports
        for fd, events in batch:
            transport = transports.get(fd)
            if transport is not None:
                transport.take(events)
            elif fd == self._others:
                self._loop._process_events(self._loop._selector.select(0))
        timers = self._timers
        if timers:
            now = time.monotonic()
            while timers and timers[0][0] <= now:
                timer = heappop(timers)[2]
                timer._scheduled = False
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if self.debug:
                self._run_timed(handle)
            elif isinstance(handle, Handle):
                handle._run()
            else:
                handle._run()  # asyncio's own

    def _tidy(self) -> list[tuple[float, int, Any]]:
        """The timers, of which the first is to be called."""
        timers = self._timers
        if len(timers) > FEW_TIMERS and self.cancelled > len(timers) // 2:
            left = []
            for timer in timers:
                if timer[2]._cancelled:
                    timer[2]._scheduled = False
                else:
                    left.append(timer)
            heapify(left)
            self._timers = timers = left
            self.cancelled = 0
        while timers and timers[0][2]._cancelled:
            self.cancelled -= 1
            heappop(timers)[2]._scheduled = False
        return timers

    def _run_timed(self, handle: Any) -> None:
        began = time.monotonic()
        handle._run()
        took = time.monotonic() - began
        if took >= self._loop.slow_callback_duration:
            log.warning("Executing %r took %.3f seconds", handle, took)

    # ---- the end

    def close(self) -> None:
        """Close what is still open; nobody is told, for nothing is called any more."""
        for transport in list(self.transports.values()):
            transport.forsake()
        self._timers.clear()
        self._epoll.close()

    def __repr__(self) -> str:
        return f"<Turns {len(self.transports)} transports, {len(self._timers)} timers, {len(self._ready)} ready>"

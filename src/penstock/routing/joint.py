"""A stream as the caller sees it, over one upstream after another.

A Source over the first upstream's, started at once; ``arrived`` resolves with the first event or the end: until then
another upstream may serve. What passes is noted (``told``), so that a stream which is cut, stalls or ends in an error
can be finished by another upstream: ``rescue`` is then started, and calls ``follow`` or ``fail``. Ends in order only
when the answer did; one that lacks no more than its end marker is given one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from penstock.core.errors import Fail, UpstreamError
from penstock.core.fiber import Fiber, Promise
from penstock.core.lane import Lane, offer
from penstock.core.reply import Sink, Source, Void
from penstock.wire.told import Told

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle

END_SECONDS: Final = 2.0
"""From the finish of an answer to the end of its stream: usage and the end marker come in this time, or never."""


class Joint:
    """See the module. The source is paused after its first frame, so no more than one is held. ``told`` None: a stream
    that is not understood, which ends as its source does. ``anew``, where the caller has seen nothing of it yet, takes
    back all that the sink was given: then another answer may take its place."""

    __slots__ = (
        "_broken", "_ended", "_error", "_fiber", "_held", "_lane", "_loop", "_moving", "_open", "_paused", "_running",
        "_sink", "_source", "_timer", "anew", "arrived", "rescue", "told",
    )  # fmt: skip

    def __init__(self, source: Source, loop: AbstractEventLoop, told: Told | None = None) -> None:
        self._source = source
        self._loop = loop
        self._sink: Sink | None = None
        self._held: list[bytes] = []
        self._open = False  # a frame may go straight to the sink
        self._running = False
        self._ended = self._paused = self._moving = False
        self._error: Fail | None = None
        self._broken: Fail | None = None
        self._timer: TimerHandle | None = None
        self._fiber: Fiber | None = None
        self._lane: Lane | None = None
        self.told = told
        self.rescue: Callable[[Fail], Coroutine[Any, Any, None]] | None = None
        self.anew: Callable[[], None] | None = None
        self.arrived: Promise[Fail | None] = Promise(loop)

    def open(self) -> None:
        """Start the upstream's source."""
        self._source.start(self)

    async def begin(self, left: float, of: float, upstream: str) -> None:
        """Open, and wait for the first event. Raises UpstreamError when it does not come in the ``left`` seconds (of
        those that it had in all, ``of``), or an end comes instead."""
        self.open()
        if not self.arrived.done():
            late = self._loop.call_later(max(left, 0.001), self._give_up, of, upstream)
            try:
                await self.arrived
            except BaseException:
                self.cancel("caller gone")
                raise
            finally:
                late.cancel()
        error = self.arrived.result()
        if error is not None:
            raise error

    def _give_up(self, of: float, upstream: str) -> None:
        self.cancel("silent")
        if not self.arrived.done():
            error = UpstreamError(
                f"upstream '{upstream}' sent no event within {of:g} s",
                status=504, code="upstream_timeout", phase="first_token", upstream=upstream,
            )  # fmt: skip
            self.arrived.set_result(error)

    # ---- as a Source

    def take_lane(self, lane: Lane) -> None:
        """Events that ``told`` notes as common ones may pass by it."""
        if self.told is not None:
            self._lane = lane
            lane.told = self.told
            offer(lane, self._source)

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._hand_on()
            broken, self._broken = self._broken, None
            if broken is not None and not self._ended:
                self._failed(broken)

    def pause(self) -> None:
        self._paused = True
        self._set_open(False)
        self._source.pause()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._sink is not None:
                self._hand_on()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._held.clear()
        self._ended = True
        self.rescue = self._lane = None
        self._stop_timer()
        fiber, self._fiber = self._fiber, None
        if fiber is not None:
            fiber.cancel(reason)
        self._source.cancel(reason)

    def _hand_on(self) -> None:
        """Give the sink what is held, then the end or what the source has more."""
        sink = self._sink
        if self._running or sink is None:
            return
        self._running = True
        while self._held and not self._paused:
            sink.push(self._held.pop(0))
        self._running = False
        if self._paused or self._moving or self._sink is not sink:
            return
        if self._ended:
            self._sink = Void()
            sink.end(self._error)
        else:
            self._set_open(True)
            self._source.resume()

    def _set_open(self, is_open: bool) -> None:
        self._open = is_open
        if self._lane is not None:
            self._lane.open = is_open

    # ---- as a Sink

    def push(self, frame: bytes) -> None:
        told = self.told
        if told is not None and not told.take(frame):
            self._look(told, frame)
        elif self._open:
            self._sink.push(frame)  # type: ignore[union-attr]
        else:
            self._give(frame)

    def _give(self, frame: bytes) -> None:
        if self._open and self._sink is not None:
            self._sink.push(frame)
            return
        self._held.append(frame)
        if not self.arrived.done():
            self._source.pause()
            self.arrived.set_result(None)

    def _look(self, told: Told, frame: bytes) -> None:
        passed = told.look(frame)
        # A comment is no sign that an answer has begun; the caller gets keep-alives of our own.
        if passed and (told.began or told.done or self.arrived.done()):
            self._give(passed)
        if self._ended:
            return
        if told.trouble is not None:
            trouble, told.trouble = told.trouble, None
            self._source.cancel("trouble")
            self._failed(trouble)
        elif (told.finish or told.done) and self._timer is None:
            self._timer = self._loop.call_later(END_SECONDS, self._end_late)

    def end(self, error: Fail | None) -> None:
        told = self.told
        if told is None or (error is None and told.done):
            self._close(error)
        elif told.done or told.finish:
            self._close_well(told)
        else:
            self._failed(
                error or UpstreamError("an upstream ended its answer before the answer was whole", phase="body")
            )

    def _end_late(self) -> None:
        self._timer = None
        self._source.cancel("its answer is whole")
        if self.told is not None:
            self._close_well(self.told)

    def _close_well(self, told: Told) -> None:
        """The answer is whole, whatever became of the connection."""
        if not told.done and not self._ended:
            told.done = True
            self._give(told.END)
        self._close(None)

    def _failed(self, error: Fail) -> None:
        self._stop_timer()
        if self._moving:
            self._broken = error  # somebody is asked to go on already
            return
        if self._held and self._sink is None:
            self._broken = error  # the rescue begins when there is somebody to be told
            self.arrived.set_result(None)
            return
        if self.rescue is None or not self.arrived.done():
            self._close(error)
            return
        fiber = self._fiber = Fiber(self._loop, self.rescue(error))
        fiber.step()

    def _close(self, error: Fail | None) -> None:
        if self._ended:
            return
        self._stop_timer()
        self._ended = True
        self.rescue = self._lane = None  # they refer to us, and to the call with its bytes
        self._error = error
        if not self.arrived.done():
            self.arrived.set_result(error if not self._held else None)
        if self._sink is not None and not self._paused:
            self._hand_on()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- from the rescue

    def leave(self, error: Fail) -> bool:
        """The upstream is to end: have another one go on while this one still could. False where that cannot be now."""
        told = self.told
        if not self.arrived.done():
            self.cancel("leaving")
            self.arrived.set_result(error)
            return True
        if self._ended or self._sink is None or self._fiber is not None or self._timer is not None:
            return False
        if self.rescue is None or told is None or told.finish or told.done:
            return False
        self._moving = True
        self._set_open(False)
        self._source.pause()
        fiber = self._fiber = Fiber(self._loop, self.rescue(error))
        fiber.step()
        return True

    def stay(self) -> None:
        """Nobody else could go on: its own upstream does."""
        broken, self._broken, self._fiber, self._moving = self._broken, None, None, False
        if broken is not None:
            self._failed(broken)
        elif not self._paused:
            self._hand_on()

    def move(self, source: Source, frame: bytes) -> None:
        """Go on with ``source``, which has begun and brought ``frame``."""
        self._fiber, self._moving, self._broken = None, False, None
        self._source.cancel("moved")
        self._source = source
        source.start(self)
        self._set_open(not self._paused)
        self.push(frame)
        if not self._paused and not self._ended:
            source.resume()

    def follow(self, source: Source) -> None:
        """Go on with ``source``, which leads on from what was told."""
        self._fiber = None
        if self._ended:
            source.cancel("caller gone")
            return
        self._source = source
        if self._paused or self._sink is None:
            source.pause()
        source.start(self)

    def conclude(self, frame: bytes) -> None:
        """Nothing is missing but ``frame``, which ends the stream."""
        self._fiber = None
        if not self._ended:
            self._give(frame)
            self._close(None)

    def fail(self, error: Fail) -> None:
        """There is no rescue."""
        self._fiber = None
        self._close(error)

    def __repr__(self) -> str:
        return f"<Joint {len(self._held)} held, {self.told!r} over {self._source!r}>"

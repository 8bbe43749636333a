"""Running one exchange's coroutine without an asyncio Task: it starts at once, and resumes at once.

A ``Fiber`` drives a coroutine from the callback that made it; when it awaits a ``Promise``, whoever resolves the
promise resumes it in the same breath, with no trip through the loop's queue. Both keep the loop's rules otherwise:
a Fiber awaits any asyncio future, is ``asyncio.current_task()`` while it runs (so ``asyncio.timeout`` works), and is
cancelled like a Task; a Task may await a Promise. Measured: 5 µs less a request than a Task and a Future.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import tasks
from collections.abc import Callable, Coroutine, Generator
from types import BuiltinFunctionType
from typing import Any, Final, Generic, TypeVar

log = logging.getLogger("penstock")
T = TypeVar("T")


_enter: Final = tasks._enter_task
_leave: Final = tasks._leave_task
_is_quick: Final = isinstance(tasks.current_task, BuiltinFunctionType)
_ENDED: Final = object()
_current: Final[Any] = tasks.current_task if _is_quick else vars(tasks)["_current_tasks"].get
"""Until 3.12 ``current_task`` is no function of C: a look into what it looks into costs a tenth."""


class Promise(Generic[T]):
    """A result to come, for one waiter. ``set_result`` and ``set_exception`` resume a waiting Fiber in place."""

    __slots__ = ("_asyncio_future_blocking", "_callbacks", "_error", "_fiber", "_loop", "_state", "_value")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._state = "pending"
        self._fiber: Fiber | None = None
        self._error: BaseException | type[BaseException] | None = None
        self._callbacks: list[tuple[Callable[[Any], object], Any]] | None = None
        self._asyncio_future_blocking = False

    def done(self) -> bool:
        """Whether it has a result, an error, or was cancelled."""
        return self._state != "pending"

    def cancelled(self) -> bool:
        """Whether its waiter gave up."""
        return self._state == "cancelled"

    def set_result(self, value: T) -> None:
        """Resolve it. Does nothing if it is done already."""
        if self._state == "pending":
            self._value = value
            fiber = self._fiber
            if fiber is None:
                self._settle("done")
            else:  # as nearly always: ``_settle``, written out
                self._state = "done"
                self._fiber = None
                fiber.step()

    def set_exception(self, error: BaseException) -> None:
        """Fail it. Does nothing if it is done already."""
        if self._state == "pending":
            self._error = error
            self._settle("done")

    def cancel(self, msg: object = None) -> bool:
        """Give up waiting. False if it is done already. The waiter hears of it a turn of the loop later: whoever
        cancels (asyncio.timeout, say) first has to note that it did."""
        if self._state != "pending":
            return False
        self._error = asyncio.CancelledError  # a new one for each raise: one that was raised refers to its frames
        fiber, self._fiber = self._fiber, None
        self._settle("cancelled")
        if fiber is not None:
            self._loop.call_soon(fiber.step)
        return True

    def result(self) -> T:
        """The result, or raises the error."""
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator[Any, None, T]:
        if self._state == "pending":
            self._asyncio_future_blocking = True
            yield self
        if self._error is not None:
            raise self._error
        return self._value

    def _settle(self, state: str) -> None:
        self._state = state
        fiber, self._fiber = self._fiber, None
        if fiber is not None:
            fiber.step()
        elif self._callbacks:
            for callback, context in self._callbacks:
                self._loop.call_soon(callback, self, context=context)

    # ---- what an asyncio Task needs of a future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop it belongs to."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Any = None) -> None:
        """Call ``callback`` soon after it is done."""
        if self._state != "pending":
            self._loop.call_soon(callback, self, context=context)
        else:
            self._callbacks = [*(self._callbacks or ()), (callback, context)]

    def __repr__(self) -> str:
        return f"<Promise {self._state}>"


class Fiber:
    """See the module. The coroutine must handle its own errors: one that escapes is logged."""

    __slots__ = ("_awaited", "_cancels", "_coroutine", "_loop", "_must_cancel", "_steps", "ended")

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._steps: Any = coroutine.__await__()
        self._awaited: Any = None
        self._cancels = 0
        self._must_cancel = False
        self.ended = False

    def step(self, future: object = None) -> None:
        """Run on until the coroutine waits or ends."""
        if self.ended:
            return
        self._awaited = None
        loop = self._loop
        outer = _current(loop)  # resumed from within a task, which is then current again afterwards
        if outer is not None:
            _leave(loop, outer)
        _enter(loop, self)  # type: ignore[arg-type]
        try:
            if self._must_cancel:
                self._must_cancel = False
                awaited = self._steps.throw(asyncio.CancelledError())
            else:
                awaited = next(self._steps, _ENDED)  # an exception at the end would cost as much as all of this
        except (StopIteration, asyncio.CancelledError):
            self.ended = True
            return
        except Exception:
            self.ended = True
            log.exception("a fiber failed", extra={"request": ""})
            return
        finally:
            _leave(loop, self)  # type: ignore[arg-type]
            if outer is not None:
                _enter(loop, outer)
        if awaited is _ENDED:
            self.ended = True
        elif type(awaited) is Promise and awaited._state == "pending" and not self._must_cancel:
            awaited._asyncio_future_blocking = False
            awaited._fiber = self
            self._awaited = awaited
        else:
            self._wait_for(awaited)

    def _wait_for(self, awaited: Any) -> None:
        self._awaited = awaited
        if type(awaited) is Promise:
            awaited._asyncio_future_blocking = False
            if awaited._state == "pending":
                awaited._fiber = self
            else:
                self._loop.call_soon(self.step)
        elif awaited is None:  # a bare yield, as of asyncio.sleep(0)
            self._loop.call_soon(self.step)
        else:
            awaited._asyncio_future_blocking = False
            awaited.add_done_callback(self.step)
        if self._must_cancel and awaited is not None and awaited.cancel():
            self._must_cancel = False

    # ---- what asyncio.timeout and others need of a task

    def cancel(self, msg: object = None) -> bool:
        """Throw CancelledError into the coroutine where it waits."""
        if self.ended:
            return False
        self._cancels += 1
        if self._awaited is None or not self._awaited.cancel():
            self._must_cancel = True
        return True

    def cancelling(self) -> int:
        """Cancellations asked for and not taken back."""
        return self._cancels

    def uncancel(self) -> int:
        """Take one back: whoever cancelled has seen the CancelledError."""
        self._cancels = max(0, self._cancels - 1)
        return self._cancels

    def done(self) -> bool:
        """Whether the coroutine has ended."""
        return self.ended

    def get_name(self) -> str:
        """For log lines and debuggers."""
        return str(getattr(self._coroutine, "__qualname__", "fiber"))

    def __repr__(self) -> str:
        return f"<Fiber {self.get_name()} {'ended' if self.ended else f'awaits {self._awaited!r}'}>"

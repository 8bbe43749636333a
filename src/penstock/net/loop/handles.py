"""What the loop is to call, soon or at a time: in the place of asyncio's Handle and TimerHandle, which it meets, too.

A call happens in its context; what it raises goes to the loop's exception handler.
"""

from __future__ import annotations

import contextvars
from asyncio import format_helpers
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.net.loop.turns import Turns


class Handle:
    """A call to make. asyncio asks for ``_cancelled`` and ``_run``."""

    __slots__ = ("_args", "_callback", "_cancelled", "_context", "_turns")

    def __init__(self, turns: Turns, callback: Any, args: tuple[Any, ...], context: Any) -> None:
        self._turns = turns
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        """Do not call; what it would have been called with is let go."""
        self._cancelled = True
        self._callback = None
        self._args = ()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def get_context(self) -> Any:
        """The context in which it is called."""
        return self._context

    def _run(self) -> None:
        args = self._args
        try:
            if not args:
                self._context.run(self._callback)
            elif len(args) == 1:
                self._context.run(self._callback, args[0])
            else:
                self._context.run(self._callback, *args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            where = format_helpers._format_callback_source(self._callback, self._args)
            self._turns.tell({"message": f"Exception in callback {where}", "exception": error, "handle": self})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'cancelled' if self._cancelled else repr(self._callback)}>"


class TimerHandle(Handle):
    """A call to make at a time of the loop. ``_scheduled``: it waits among the timers."""

    __slots__ = ("_scheduled", "_when")

    def __init__(self, turns: Turns, when: float, callback: Any, args: tuple[Any, ...], context: Any) -> None:
        super().__init__(turns, callback, args, context)
        self._when = when
        self._scheduled = True

    def cancel(self) -> None:
        """Do not call; the timers are rid of it in time."""
        if not self._cancelled and self._scheduled:
            self._turns.cancelled += 1
        super().cancel()

    def when(self) -> float:
        """The loop's time at which it is called."""
        return self._when

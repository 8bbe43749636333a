"""One warming run: calls made by a few threads, into idle capacity only, within a budget, each at most once.

Enters: items and how they may be asked. Leaves: counts, and a State that another run goes on from. A failed call is
told and the others go on; the run ends early when nobody answers, the key is refused, the budget is spent, or
``MOST_IN_ROW`` calls fail one after another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from penstock.cli.caller import KEY_VARIABLE, Answer, Caller, Unreachable
from penstock.cli.warm_source import refusal
from penstock.cli.warm_state import State
from penstock.journal.warming import TAG, BadLine, Budget, Item

MOST_IN_ROW = 20
MOST_TRIES = 8
LONGEST_WAIT = 300.0
POLL_SECONDS = 1.0
_PAUSES = (0.5, 1.0, 2.0)
"""Before asking again a gateway that did not answer."""
_LIMITED = (429, 503)

Source = Iterator[tuple[int, Callable[[], Item]]]
"""Items by number; each is made when its turn has come, and may be a BadLine."""


class Over(Exception):
    """The run ends early; the message says why. ``status`` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


BUDGET_SPENT = 3


class Run:
    """See the module. ``say`` tells a line to people."""

    def __init__(
        self, calls: Caller, admin: Caller, budget: Budget, state: State, say: Callable[[str], None],
        *, idle_below: int | None,
    ) -> None:  # fmt: skip
        self._calls = calls
        self._admin = admin
        self._budget = budget
        self._state = state
        self._say = say
        self._idle_below = idle_below
        self._lock = threading.Lock()
        self._room = threading.Lock()
        self._stop = threading.Event()
        self._running = 0
        self._working = 0
        self.ended = threading.Event()  # not Thread.join: interrupted, it takes a running thread for an ended one
        self._hold_until = 0.0
        self._in_row = 0
        self.cached = self.warmed = self.failed = self.skipped = 0
        self.holding = ""
        self.over: Over | None = None

    def start(self, source: Source, concurrency: int) -> None:
        """Begin, with so many calls at once at most. ``ended`` is set after the last."""
        self._working = concurrency
        for number in range(concurrency):
            threading.Thread(target=self._work, args=(source,), name=f"warm-{number}", daemon=True).start()

    def stop(self) -> None:
        """Begin no more calls."""
        self._stop.set()

    def _work(self, source: Source) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    found = next(source, None)
                if found is None:
                    return
                number, make = found
                if self._state.is_done(number):
                    with self._lock:
                        self.skipped += 1
                else:
                    self._one(number, make)
        except Over as over:
            self._end(over)
        except (
            Exception
        ) as error:  # a thread's end in silence would leave the others, and whoever waits, without a word
            self._end(Over(str(error) or type(error).__name__))
        finally:
            with self._lock:
                self._working -= 1
                if not self._working:
                    self.ended.set()

    def _end(self, over: Over) -> None:
        with self._lock:
            self.over = self.over or over
        self._stop.set()

    def _one(self, number: int, make: Callable[[], Item]) -> None:
        try:
            item = make()
            how = "cached" if self._is_cached(item) else self._warm(item)
        except BadLine as error:
            self._note_failure(number, f"line {number} {error}")
        except _Failed as error:
            self._note_failure(number, f"{number}: {error}")
        else:
            if how is None:  # stopped while it waited: it is not done
                return
            with self._lock:
                self._in_row = 0
                self.cached += how == "cached"
                self.warmed += how == "warmed"
            self._state.mark(number, failed=False)

    def _note_failure(self, number: int, message: str) -> None:
        self._say(message)
        self._state.mark(number, failed=True)
        with self._lock:
            self.failed += 1
            self._in_row += 1
            many = self._in_row >= MOST_IN_ROW
        if many:
            raise Over(f"{MOST_IN_ROW} failed one after another; the rest was not tried")

    def _is_cached(self, item: Item) -> bool:
        answer = self._ask(item, {"x-penstock-cache": "only"})
        if answer is None:
            return False
        if answer.status == 504 and answer.code == "not_cached":
            return False
        if answer.status != 200:
            raise _Failed(f"was refused, {answer.said}")
        cache = answer.headers.get("x-penstock-cache", "")
        if not cache.startswith("hit"):
            raise Over(
                "this gateway has no cache (it answered a call that asked for cached answers only with"
                f' x-penstock-cache "{cache}"): nothing can be warmed'
            )
        return True

    def _warm(self, item: Item) -> str | None:
        reserved = self._reserve(item)
        if reserved is None:
            return None
        answer = None
        try:
            if not self._take_room():
                return None
            try:
                answer = self._ask(item, {"x-penstock-tags": TAG})
            finally:
                with self._lock:
                    self._running -= 1
        finally:
            good = answer is not None and answer.status == 200
            upstream = "" if answer is None else answer.headers.get("x-penstock-upstream", "")
            with self._lock:
                self._budget.settle(reserved, answer.body if answer is not None and good else None, upstream)
        if answer is None:
            return None
        if not good:
            raise _Failed(f"was not answered, {answer.said}")
        if answer.headers.get("x-penstock-cache") == "bypass":
            raise _Failed("was answered, but the cache does not keep such calls (x-penstock-cache: bypass)")
        return "warmed"

    def _reserve(self, item: Item) -> tuple[int, float] | None:
        """Wait while calls that run may give back what they reserved. None when the run ends before."""
        while not self._stop.is_set():
            with self._lock:
                reserved = self._budget.reserve(item)
                if reserved is not None:
                    return reserved
                if not self._budget.outstanding:
                    why = "is spent" if self._budget.tokens else "is too small for one call (max_tokens bounds one)"
                    raise Over(f"the budget {why}", BUDGET_SPENT)
            self._stop.wait(0.05)
        return None

    def _take_room(self) -> bool:
        """Wait until the gateway is idle enough, and count a call of ours. False when the run ends before."""
        with self._room:
            while not self._stop.is_set():
                others = self._others()
                if self._idle_below is None or others <= self._idle_below:
                    self.holding = ""
                    with self._lock:
                        self._running += 1
                    return True
                self.holding = f"holding: {others} other calls in flight"
                self._stop.wait(POLL_SECONDS)
        return False

    def _others(self) -> int:
        if self._idle_below is None:
            return 0
        answer = self._admin.ask("GET", "/admin/v1/status")
        if answer.status != 200:
            raise Over(refusal(answer, "the gateway's load") + "; or do not look at it: --any-time")
        try:
            flying = [worker["in_flight"] for worker in answer.value["workers"]]
            with self._lock:
                return sum(int(number) for number in flying) - self._running
        except (TypeError, KeyError, ValueError):
            raise Over("the gateway does not tell how many calls it serves; do not look at it: --any-time") from None

    def _ask(self, item: Item, headers: dict[str, str]) -> Answer | None:
        """The answer, when it may be had: limits are waited for. None when the run ends before."""
        fields = headers | ({"anthropic-version": "2023-06-01"} if item.operation == "messages" else {})
        said = ""
        for _ in range(MOST_TRIES):
            if not self._wait():
                return None
            answer = self._reach(item, fields)
            if answer is None:
                return None
            if answer.status in (401, 403):
                if not self._calls.has_key:
                    raise Over(f"the gateway wants a key: give it with --key, or in ${KEY_VARIABLE}")
                raise Over(f"the gateway refuses the key, {answer.said}")
            if answer.status not in _LIMITED:
                return answer
            said = answer.said
            pause = POLL_SECONDS if answer.retry_after is None else answer.retry_after
            if pause > LONGEST_WAIT:
                raise Over(f"the gateway says to come back in {pause:.0f} s, {answer.said}")
            with self._lock:
                self._hold_until = max(self._hold_until, time.monotonic() + pause)
        raise _Failed(f"was put off {MOST_TRIES} times, {said}")

    def _reach(self, item: Item, fields: dict[str, str]) -> Answer | None:
        for pause in (*_PAUSES, None):
            try:
                return self._calls.ask("POST", item.path, item.body, fields)
            except Unreachable as error:
                if pause is None:
                    raise Over(str(error)) from None
                if self._stop.wait(pause):
                    return None
        return None

    def _wait(self) -> bool:
        """Until the moment that the gateway named. False when the run ends before."""
        while (left := self._hold_until - time.monotonic()) > 0:
            self.holding = "holding: the gateway is limited"
            if self._stop.wait(min(left, 1.0)):
                return False
        return not self._stop.is_set()


class _Failed(Exception):
    """One call came to nothing."""

"""Which attempt comes next after a failed one: here again, elsewhere, with another model, or none. Pure.

At most ``1 + most`` attempts a model, within its retry budget; each wait drawn with full jitter from a doubling bound
(Brooker, "Exponential Backoff And Jitter", 2015), never shorter than the upstream asks for, never past the deadline.
One more key of the same upstream is tried at once, and counts as the same attempt. A fallback that lacks what the call
needs is passed over; after a prompt that was too long, one that is known to have a larger context leads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from penstock.core.errors import Fail
from penstock.core.reply import Reply
from penstock.routing.ask import Ask
from penstock.routing.capabilities import Fit
from penstock.routing.failure import Failure
from penstock.routing.table import Entry
from penstock.routing.targets import Target

FIRST_WAIT_SECONDS: Final = 0.25
LONGEST_WAIT_SECONDS: Final = 8.0
LONGEST_ASKED_SECONDS: Final = 60.0
"""An upstream that asks for a longer wait is not waited for: the caller is told instead."""


@dataclass(slots=True)  # not frozen: one is made for each call, and a frozen one takes three times as long
class Step:
    """The next attempt: of ``entry`` under the name ``asked``, at one of ``targets``, after ``wait`` seconds.
    ``yielded``: times that its seat went to a better call."""

    entry: Entry
    asked: str
    targets: Sequence[Target]
    wait: float = 0.0
    yielded: int = 0

    def choose(self, ask: Ask) -> Target:
        """One of the targets, with a key that may be used for the model; where none has, the one that waits least."""
        near = self._near(ask) if ask.near else None
        target = self.entry.strategy.choose(self.targets, ask) if near is None else near
        if target.keys.resting <= ask.now or not target.keys.wait(ask.model, ask.now):
            return target
        ready = [target for target in self.targets if not target.keys.wait(ask.model, ask.now)]
        if ready:
            return self.entry.strategy.choose(ready, ask)
        return min(self.targets, key=lambda target: target.keys.wait(ask.model, ask.now))

    def _near(self, ask: Ask) -> Target | None:
        """The target that should serve the call, if it is one of these and has room."""
        for target in self.targets:
            if target.name == ask.near and target.in_flight < target.capacity:
                target.prefixes.match(ask)
                return target
        return None

    def still(self, now: float, there: Sequence[Target]) -> Step | None:
        """This step after its wait, with those of its targets that are ``there`` and may be asked now; None when there
        is none."""
        for target in self.targets:
            target.settle(now)
        names = {target.name for target in there}
        targets = [target for target in self.targets if target.name in names and target.standing(now)]
        return Step(self.entry, self.asked, targets) if targets else None


class Tried(NamedTuple):
    """What came of one attempt: a reply that stands, or a failure with the reply or the exception that told of it."""

    target: Target
    reply: Reply | None
    fail: Fail | None = None
    failure: Failure | None = None


class Attempts:
    """The attempts of one exchange. ``fallbacks`` are tried in order; ``uniform(a, b)`` draws the jitter; ``fit`` tells
    which of them can take the call; ``passed_over`` says of those that cannot what they lack."""

    __slots__ = (
        "_asked", "_entry", "_fallbacks", "_fit", "_keys", "_made", "_most", "_regions", "_spent", "_uniform",
        "passed_over",
    )  # fmt: skip

    def __init__(
        self,
        entry: Entry,
        asked: str,
        fallbacks: Sequence[tuple[Entry, str]],
        most: int,
        uniform: Callable[[float, float], float],
        fit: Fit | None = None,
    ) -> None:
        self._entry = entry
        self._asked = asked
        self._fallbacks = list(fallbacks)
        self._regions = entry.regions  # where the data may be does not change with the model that answers
        self._most = most
        self._uniform = uniform
        self._fit = fit
        self.passed_over: list[str] = []
        self._made = 0
        self._keys = 0
        self._spent: dict[str, Failure] = {}

    def after(
        self, failure: Failure, target: Target, able: Callable[[Entry], Sequence[Target]], left: float, now: float
    ) -> Step | None:
        """What to do after ``target`` failed so; None to tell the caller. ``left``: seconds until the deadline.

        ``able(entry)`` gives the entry's targets that offer the call's operation and are well.
        """
        if left <= 0.0:
            return None
        if failure.kind.name == "leaving":
            return self._moved(target, able, now)
        if failure.kind.blames == "key" and self._has_another_key(target, now):
            return Step(self._entry, self._asked, [target])
        self._made += 1
        self._spent[target.name] = failure
        # What a version on trial fails at, the one that it is to replace is asked at once.
        if self._made <= self._most and self._entry.old is None:
            step = self._same_model(failure, able, left, now)
            if step is not None and self._entry.budget.withdraw(now):
                return step
        if failure.kind.fall_back:
            return self.fall_back(able, now, too_long=failure.kind.name == "context_length")
        return None

    def _moved(self, target: Target, able: Callable[[Entry], Sequence[Target]], now: float) -> Step | None:
        """Where a call goes on whose target is to end. That is no failure: it is not counted, and needs no budget."""
        others = [one for one in Entry.within(self._regions, able(self._entry)) if one.name != target.name]
        others = [one for one in others if not one.draining] or others
        if others:
            return Step(self._entry, self._asked, self._entry.candidates.nearest(others))
        return self.fall_back(able, now)

    def fall_back(
        self, able: Callable[[Entry], Sequence[Target]], now: float, *, too_long: bool = False
    ) -> Step | None:
        """The next model that has somebody to ask; None when there is none. It is charged as a call of that model, for
        which its own budget then holds. ``too_long``: the prompt was, for the last one."""
        self._pass_over(too_long=too_long)
        while self._fallbacks:
            entry, asked = self._fallbacks.pop(0)
            targets = Entry.within(self._regions, able(entry))
            if targets:
                self._entry, self._asked = entry, asked
                self._made = self._keys = 0
                self._spent.clear()
                entry.budget.deposit(now)
                return Step(entry, asked, entry.candidates.nearest(list(targets)))
        return None

    def spend(self, failure: Failure, target: Target) -> None:
        """``target`` failed so, too, and another attempt was under way: there is nothing to do about it."""
        self._made += 1
        self._spent[target.name] = failure

    def _pass_over(self, *, too_long: bool) -> None:
        """Leave out the fallbacks that cannot take the call."""
        old = self._entry.old
        known = self._entry.capabilities.context if too_long else None
        able: list[tuple[Entry, str]] = []
        for entry, asked in self._fallbacks:
            # The version that is to be replaced has what the new one has.
            lacks = "" if entry is old else self._lacks(entry, known)
            if lacks:
                self.passed_over.append(f"'{asked}' {lacks}")
            else:
                able.append((entry, asked))
        if too_long:
            able.sort(key=lambda fallback: fallback[0] is not old and fallback[0].capabilities.context is None)
        self._fallbacks = able

    def _lacks(self, entry: Entry, known: int | None) -> str:
        """What a fallback lacks for the call; ``known``: a context that was too small."""
        context = entry.capabilities.context
        if known is not None and context is not None and context <= known:
            return f"has room for {context} tokens, which were too few"
        return "" if self._fit is None else self._fit.lacks(entry.capabilities, entry.sizes)

    @property
    def entry(self) -> Entry:
        """Of the model that was asked last."""
        return self._entry

    def has_another(self, failure: Failure, now: float) -> bool:
        """Whether its model may be asked once more after such a failure, were there anybody to ask; if so, that one is
        taken."""
        return failure.kind.elsewhere and self._made <= self._most and self._entry.budget.withdraw(now)

    @property
    def note(self) -> str:
        """What to tell with the last failure: of the fallbacks that could not be asked; "" where all could."""
        return f"; of the fallbacks, {', '.join(self.passed_over)}" if self.passed_over else ""

    def instead(self, able: Callable[[Entry], Sequence[Target]], now: float) -> Step | None:
        """The next step where the wait for the last one was in vain: whoever can serve by now."""
        targets = Entry.within(self._regions, able(self._entry))
        if targets:
            return Step(self._entry, self._asked, self._entry.candidates.nearest(list(targets)))
        return self.fall_back(able, now)

    def _has_another_key(self, target: Target, now: float) -> bool:
        """Whether ``target`` has a key that was not shown for this call, and may be."""
        self._keys += 1
        return self._keys < target.keys.count and not target.keys.wait(self._entry.sent_as(self._asked), now)

    def _same_model(
        self, failure: Failure, able: Callable[[Entry], Sequence[Target]], left: float, now: float
    ) -> Step | None:
        targets = Entry.within(self._regions, able(self._entry))
        model = self._entry.sent_as(self._asked)
        if failure.kind.elsewhere:
            fresh = [
                target for target in targets if target.name not in self._spent and not target.keys.wait(model, now)
            ]
            if fresh:
                return Step(self._entry, self._asked, self._entry.candidates.nearest(fresh))
        again = [
            target
            for target in targets
            if (known := self._spent.get(target.name)) is not None
            and known.kind.here
            and (failure.kind.elsewhere or known is failure)
        ]
        if not again:
            return None
        bound = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (self._made - 1))
        asked = min(max(self._spent[target.name].after or 0.0, target.keys.wait(model, now)) for target in again)
        wait = max(self._uniform(0.0, bound), asked)
        if asked > LONGEST_ASKED_SECONDS or wait >= left:
            return None
        return Step(self._entry, self._asked, again, wait)

    def __repr__(self) -> str:
        return f"<Attempts {self._made} at {self._entry.pattern}, {len(self._fallbacks)} fallbacks left>"

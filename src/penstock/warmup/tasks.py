"""The tasks of a warm-up and their order. Pure: what runs them tells what has ended, and when.

Enters: tasks by name. Leaves: which are due, what readiness still waits for, and one Outcome each. Tasks of a high
priority go level after level, the rest at once; a task comes after those that it names. One that failed stops no
other, but for those that build on it. May fail: ValueError for tasks that cannot be put in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

HIGH = 2
"""Up to this priority a level begins when the one before it lets go."""

State = Literal["waits", "runs", "done", "failed", "late", "skipped"]
"""``late``: ended at its timeout. ``skipped``: what it builds on has failed."""


@dataclass(frozen=True, slots=True)
class Task:
    """``priority``: 1 goes first; ``timeout``: seconds, then it is cancelled; ``holds``: seconds for which readiness
    and the next level wait for it at most; ``after``: tasks that must have been done."""

    name: str
    priority: int
    timeout: float
    holds: float = 0.0
    after: Sequence[str] = ()


@dataclass(slots=True)
class Outcome:
    """Of one task: moments are seconds of whoever tells the time, ``why`` is for people."""

    state: State = "waits"
    began: float = 0.0
    ended: float = 0.0
    why: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in ("waits", "runs")


class Plan:
    """See the module. ``outcomes`` are by name, in the order in which tasks may begin."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = {task.name: task for task in sorted(tasks, key=lambda task: task.priority)}
        self.outcomes = {name: Outcome() for name in self.tasks}
        _check(self.tasks)

    def due(self, now: float) -> list[Task]:
        """The tasks that may begin now; they are taken to have begun. Those that build on a failed one are skipped."""
        level = self._level(now)
        due = []
        for name, task in self.tasks.items():
            outcome = self.outcomes[name]
            if outcome.state != "waits" or task.priority > level:
                continue
            before = [(other, self.outcomes[other]) for other in task.after]
            failed = next((other for other, known in before if known.over and known.state != "done"), None)
            if failed is not None:
                outcome.state, outcome.began, outcome.ended = "skipped", now, now
                outcome.why = f"{failed} was not done"
            elif all(known.over for _, known in before):
                outcome.state, outcome.began = "runs", now
                due.append(task)
        return due

    def _level(self, now: float) -> int:
        """The lowest priority whose tasks may begin: that of the first high one that has not let go."""
        holding = [task.priority for task in self.tasks.values() if task.priority <= HIGH and self._holds(task, now)]
        return min(holding) if holding else max((task.priority for task in self.tasks.values()), default=0)

    def _holds(self, task: Task, now: float) -> bool:
        outcome = self.outcomes[task.name]
        if outcome.state == "waits":
            return task.priority <= HIGH or task.holds > 0
        return outcome.state == "runs" and now < outcome.began + task.holds

    def end(self, name: str, state: State, now: float, why: str = "") -> None:
        """A task has ended."""
        outcome = self.outcomes[name]
        outcome.state, outcome.ended, outcome.why = state, now, why

    def awaited(self, now: float) -> list[str]:
        """The tasks that readiness waits for."""
        return [name for name, task in self.tasks.items() if task.holds > 0 and self._holds(task, now)]

    def lets_go(self, now: float) -> float | None:
        """The next moment at which a running task holds nobody any longer; None when none does."""
        ends = [
            self.outcomes[name].began + task.holds
            for name, task in self.tasks.items()
            if self.outcomes[name].state == "runs" and now < self.outcomes[name].began + task.holds
        ]
        return min(ends, default=None)

    @property
    def over(self) -> bool:
        """Whether all have ended."""
        return all(outcome.over for outcome in self.outcomes.values())

    def summary(self) -> str:
        """What came of it, in a line for the log."""
        ended = list(self.outcomes.values())
        done = sum(outcome.state == "done" for outcome in ended)
        took = max((one.ended for one in ended), default=0.0) - min((one.began for one in ended), default=0.0)
        wrong = [f"{name}: {one.why or one.state}" for name, one in self.outcomes.items() if one.state != "done"]
        return "; ".join([f"warm-up: {done} of {len(ended)} tasks done in {took:.2f} s", *wrong])

    def __repr__(self) -> str:
        return f"<Plan {', '.join(f'{name} {one.state}' for name, one in self.outcomes.items())}>"


def _check(tasks: dict[str, Task]) -> None:
    cleared: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"tasks wait for each other: {' -> '.join([*path[path.index(name) :], name])}")
        if name not in cleared:
            for other in tasks[name].after:
                if other not in tasks:
                    raise ValueError(f"task {name} comes after {other}, which there is not")
                if tasks[name].priority <= HIGH and tasks[other].priority > tasks[name].priority:
                    raise ValueError(f"task {name} comes after {other}, whose level begins later")
                visit(other, (*path, name))
            cleared.add(name)

    for name in tasks:
        visit(name, ())

"""The course of optimizing: from windows to proposals, and from these to experiments. Pure.

Enters: windows, what else was found, what the config says and lets be moved. Leaves: proposals in order, and in mode
``auto`` the next experiment. ``experiments`` holds what runs and what was kept.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from penstock.core.windows import SPAN, Window
from penstock.insight.findings import Experiment, Proposal
from penstock.insight.optimizer.experiments import ACTION, Experiments, Refused
from penstock.insight.optimizer.guard import Guard
from penstock.insight.optimizer.held import Held, spent, wished
from penstock.insight.optimizer.knobs import Knob, bounds_of, knob_of
from penstock.insight.optimizer.measures import ALWAYS, MEASURES, readings
from penstock.insight.optimizer.proposals import Wish, order, wishes
from penstock.insight.optimizer.search import Search
from penstock.insight.optimizer.sighting import Sighting
from penstock.insight.optimizer.trial import Terms, Trial
from penstock.insight.optimizer_config import OptimizerConfig

log = logging.getLogger("penstock")

LEAST_HISTORY = 18
"""Windows with the settings as they are that must be known before something is tried."""
HISTORY = 60
LEAST_ALLOWED = 0.25
"""Of what a guard may lose: when less is left, nothing more is tried against it."""
_IDLE = ("explore", "search", "again")
"""Types of proposals that answer no trouble."""


class Key(NamedTuple):
    """A key that may be moved, and what the file says of it."""

    knob: Knob
    written: float


class Course:
    """See the module. ``draw`` gives chance, ``note`` is told of each experiment that began, or ended."""

    def __init__(self, draw: Random, note: Callable[[Experiment], None] = lambda _: None) -> None:
        self.config = OptimizerConfig()
        self.keys: dict[str, Key] = {}
        self.proposals: dict[str, Proposal] = {}
        self.experiments = Experiments(note)
        self.cache_bytes = 0.0
        self.prompts = False
        self._sighting = Sighting()
        self._history: deque[dict[str, float]] = deque(maxlen=HISTORY)
        self._draw = draw
        self._number = 0
        self._skipped: set[str] = set()

    def follow(self, config: OptimizerConfig, keys: Mapping[str, Key]) -> None:
        """What may be moved, and how far, from now on."""
        for key, one in keys.items():
            if key in self.keys and self.keys[key].written != one.written:  # another start: other steps
                self.experiments.searches.pop(key, None)
                self.experiments.again.pop(key, None)
        self.config = config
        self.experiments.cooldown, self.experiments.timeout = config.cooldown, config.timeout
        self.keys = dict(keys)

    def restore(self, journal: Sequence[Experiment], in_force: Mapping[str, str], now: float) -> None:
        """Go on from what was tried before, the oldest first."""
        self._number = max((int(one.id[1:]) for one in journal if one.id[1:].isdigit()), default=0)
        self.experiments.restore(journal, in_force, now)

    # ---- windows

    def take(self, window: Window, anomalies: Sequence[Any] = (), bottlenecks: Sequence[Any] = ()) -> None:
        """A window is over."""
        values = readings(window)
        end = window.start + window.seconds
        self._sighting.take(window, values)
        if self.experiments.busy:
            self._history.clear()
        else:
            self._history.append(values)
        self.experiments.judge(window.start, end, values)
        if self.config.mode == "off":
            self.proposals = {}
            return
        self._propose(end, anomalies, bottlenecks)
        if self.config.mode == "auto" and not self.experiments.busy and len(self._history) >= LEAST_HISTORY:
            self._begin_best(end, calm=not anomalies)

    def _propose(self, now: float, anomalies: Sequence[Any], bottlenecks: Sequence[Any]) -> None:
        explored = [key for key, one in self.keys.items() if {key, one.knob.key} & self.config.bounds.keys()]
        sight = self._sighting.sight(
            list(self.keys), explored, self.config.target_rate, anomalies, bottlenecks,
            cache_bytes=self.cache_bytes, prompts=self.prompts and self.config.warm > 0,
        )  # fmt: skip
        known = {(one.setting, str(one.value)): one.id for one in self.proposals.values()}
        ranked: dict[str, Proposal] = {}
        taken: set[str] = set()
        for wish in sorted([*wishes(sight), *self._again(), *self._going_on()], key=order):
            if wish.setting in taken or (made := self._proposal(wish, now)) is None:
                continue
            taken.add(wish.setting)
            made.id = known.get((made.setting, str(made.value))) or self._next("p")
            ranked[made.id] = made
        self.proposals = ranked

    def _again(self) -> list[Wish]:
        return [Wish(key, 0, "again", "medium", self.keys[key].knob.safety, 0.05, "it was kept before the last start")
                for key in self.experiments.again if key in self.keys]  # fmt: skip

    def _going_on(self) -> list[Wish]:
        """Knobs whose last step was kept: there may be more to gain."""
        because = "a step was kept; the next may help, too"
        return [Wish(key, 0, "search", "medium", self.keys[key].knob.safety, 0.05, because)
                for key, search in self.experiments.searches.items()
                if search.best is not None and key in self.keys]  # fmt: skip

    def _next(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number}"

    def _proposal(self, wish: Wish, now: float) -> Proposal | None:
        """The step that a wish asks for; None where there is none, or it is too soon."""
        experiments = self.experiments
        if wish.setting.startswith(ACTION):
            rests = experiments.rests.get(wish.setting)
            metric = "memory" if wish.type == "memory" else "hit_rate"
            what = f"{wish.setting.removeprefix(ACTION)} once: {wish.because}"
            return None if rests is not None and not rests.ready(now) else _made(wish, None, None, metric, "", what)
        key = self.keys.get(wish.setting)
        bounds = None if key is None else bounds_of(key.knob, wish.setting, key.written, self.config.bounds)
        if key is None or bounds is None or any(one.key == wish.setting for one in self._tried()):
            return None
        search = experiments.searches.setdefault(wish.setting, Search(key.knob, wish.direction or None))
        if not search.ready(now):
            return None
        before = experiments.again.get(wish.setting)
        present = self.present(wish.setting, key)
        value = key.knob.read(before) if before is not None else search.next(present, *bounds)
        old = key.knob.write(present)
        if value is None or not bounds[0] <= value <= bounds[1] or key.knob.write(value) == old:
            return None
        text = key.knob.write(value)
        about = f"{wish.setting} from {old} to {text} ({key.knob.about}): {wish.because}"
        return _made(wish, text, old, key.knob.metric, ", ".join(_guards(key.knob)), about)

    def present(self, setting: str, key: Key) -> float:
        """What is in force, or is about to be."""
        text = self.experiments.wanted().get(setting)
        return key.written if text is None else key.knob.read(text)

    def _tried(self) -> list[Held]:
        return [self.experiments.running] if self.experiments.running is not None else []

    def _begin_best(self, now: float, *, calm: bool) -> None:
        for proposal in list(self.proposals.values()):
            if proposal.safety == "unsafe" and not self.config.unsafe:
                if proposal.setting not in self._skipped:
                    self._skipped.add(proposal.setting)
                    log.warning("the optimizer skips what is not safe to try by itself: %s", proposal.description)
                continue
            if not calm and proposal.type in _IDLE:
                continue  # something is the matter: what is measured now would not hold
            try:
                self.begin(proposal.id, now)
            except Refused as refused:
                log.debug("%s cannot be tried: %s", proposal.id, refused)
                continue
            return

    # ---- experiments

    def begin(self, proposal_id: str, now: float, by: str = "optimizer") -> Experiment:
        """Try a proposal. Raises Refused."""
        proposal = self.proposals.get(proposal_id)
        if proposal is None:
            raise Refused(f"there is no proposal {proposal_id[:40]}")
        return self._try(proposal, now, by)

    def propose(self, setting: str, text: str) -> Proposal:
        """What somebody wants to try, within the bounds. Raises Refused."""
        key = self.keys.get(setting)
        if key is None:
            raise Refused(f"{setting[:100]} is no key that may be moved here")
        try:
            bounds = bounds_of(key.knob, setting, key.written, self.config.bounds)
            value = key.knob.read(text)
        except ValueError as error:
            raise Refused(f"{setting}: {error}") from None
        if bounds is None:
            raise Refused(f"{setting} has no bounds: name it in insight.optimizer.bounds")
        if not bounds[0] <= value <= bounds[1]:
            raise Refused(f"{setting} may be from {key.knob.write(bounds[0])} to {key.knob.write(bounds[1])}")
        old = key.knob.write(self.present(setting, key))
        if key.knob.write(value) == old:
            raise Refused(f"{setting} is {key.knob.write(value)} already")
        wish = Wish(setting, 0, "asked", "medium", key.knob.safety, 0.0, "somebody asked for it")
        made = _made(wish, key.knob.write(value), old, key.knob.metric,
                     ", ".join(_guards(key.knob)), f"{setting} to {key.knob.write(value)}")  # fmt: skip
        made.id = self._next("p")
        self.proposals[made.id] = made
        return made

    def _try(self, proposal: Proposal, now: float, by: str) -> Experiment:
        if self.experiments.busy:
            raise Refused("an experiment is running, or a setting is being checked; one at a time")
        if len(self._history) < LEAST_HISTORY and not proposal.setting.startswith(ACTION):
            left = round((LEAST_HISTORY - len(self._history)) * SPAN)
            raise Refused(f"it is not known yet how it is without a change; about {left} s more")
        experiment = Experiment(id="", proposal=proposal, began=now, state="running", by=by)
        held = None
        if not proposal.setting.startswith(ACTION):
            trial = self._trial(self.keys[proposal.setting].knob, now)
            old = wished(self.experiments.kept).get(proposal.setting)
            held = Held(experiment, proposal.setting, str(proposal.value), old, trial)
        experiment.id = self._next("e")
        self.experiments.begin(experiment, held)
        self.proposals.pop(proposal.id, None)
        return experiment

    def levels(self, name: str) -> list[float]:
        """Of a measure, on its scale, lately."""
        measure = MEASURES[name]
        found = [measure.level(values[name]) for values in self._history if name in values]
        return [level for level in found if level is not None]

    @property
    def period(self) -> int:
        """Windows that are judged at a time."""
        return max(1, round(self.config.pause / SPAN))

    def _trial(self, knob: Knob, now: float) -> Trial:
        config, metric = self.config, MEASURES[knob.metric]
        guards = []
        for name in _guards(knob):
            measure, levels = MEASURES[name], self.levels(name)
            tolerance = measure.tolerance(config.guard)
            allowed = tolerance - spent(self.experiments.kept, name)
            if len(levels) < LEAST_HISTORY / 2:
                continue  # nobody measures it here
            if allowed < LEAST_ALLOWED * tolerance:
                raise Refused(f"earlier steps have spent what {name} may lose")
            guards.append(Guard(measure, allowed, levels))
        terms = Terms(self.period, config.deadline, config.proving, metric.least(config.least))
        return Trial(metric, guards, terms, self._draw, now)

    def __repr__(self) -> str:
        return f"<Course, {len(self.proposals)} proposals, {self.experiments!r}>"


def _guards(knob: Knob) -> list[str]:
    """What must not be hurt: the knob's own, and those of all."""
    return [name for name in dict.fromkeys((*knob.guards, *ALWAYS)) if name != knob.metric]


def _made(wish: Wish, value: str | None, old: str | None, metric: str, guard: str, about: str) -> Proposal:
    return Proposal(
        id="", type=wish.type, priority=wish.priority, safety=wish.safety, description=about, setting=wish.setting,
        value=value, old=old, scope=wish.scope, metric=metric, guard=guard, expected=wish.expected,
        because=wish.because,
    )  # fmt: skip


def keys_of(written: Mapping[str, float]) -> dict[str, Key]:
    """Keys that may be moved, with what the file says of them."""
    return {key: Key(knob, value) for key, value in written.items() if (knob := knob_of(key)) is not None}

"""The one experiment that runs, those whose settings were kept, and the journal of all. Pure.

Enters: windows, and what came of each wish. Leaves: ``wanted``, the settings that ought to be in force, and ``to_do``,
what is to be done once. One experiment runs at a time, so that no knob and no metric is ever in two. What is kept is
watched for a day, and taken back when it does harm after all.
"""

from __future__ import annotations

import logging
import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from penstock.insight.findings import Experiment, Proposal
from penstock.insight.optimizer.harm import LEAST_PAIRS
from penstock.insight.optimizer.held import Deed, Held, wished
from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer.measures import MEASURES
from penstock.insight.optimizer.search import Rest, Search
from penstock.insight.optimizer.trial import Trial

log = logging.getLogger("penstock")

MOST_JOURNAL = 500
WATCHED_SECONDS = 86_400.0
ACTION = "action:"
_ALPHA = 0.05


class Refused(ValueError):
    """Why something cannot be done now."""


class Experiments:
    """See the module. ``note`` is told of each that began, or ended."""

    def __init__(self, note: Callable[[Experiment], None]) -> None:
        self.running: Held | None = None
        self.deed: Deed | None = None
        self.to_do: Experiment | None = None
        self.kept: list[Held] = []
        self.journal: deque[Experiment] = deque(maxlen=MOST_JOURNAL)
        self.again: dict[str, str] = {}
        """By key, what was kept before a restart."""
        self.searches: dict[str, Search] = {}
        self.rests: dict[str, Rest] = {}
        self.cooldown = 600.0
        self.timeout = 10.0
        self._in_force: dict[str, str] = {}
        self._tried = False
        self._turned = 0.0
        self._note = note

    def restore(self, journal: Sequence[Experiment], in_force: Mapping[str, str], now: float) -> None:
        """Go on from what was tried before, the oldest first. What a restart ended is proposed again; what is still in
        force of it (only this worker began anew) is kept, and anything else will be taken back."""
        last: dict[str, Experiment] = {}
        for one in journal:
            self.journal.appendleft(one)
            key, text = one.proposal.setting, str(one.proposal.value)
            if one.state == "running":
                self._close(one, "failed", "the gateway ended meanwhile; the config file's values are in force", now)
            elif one.state == "kept" and not key.startswith(ACTION):
                self.again[key], last[key] = text, one
            elif self.again.get(key) == text:
                del self.again[key], last[key]
        for key, text in in_force.items():
            if self.again.get(key) == text:
                self.kept.append(Held(last[key], key, text, None, None))
                del self.again[key]
        self._in_force = dict(in_force)

    @property
    def busy(self) -> bool:
        """Whether anything is being tried, done or checked."""
        return not (self.running is None and self.deed is None and self.to_do is None) or any(
            not one.on for one in self.kept
        )

    @property
    def present(self) -> list[Experiment]:
        """What runs."""
        found = [self.running.experiment] if self.running is not None else []
        found += [self.to_do] if self.to_do is not None else []
        return found + ([self.deed.experiment] if self.deed is not None else [])

    # ---- what is wished, and what came of it

    def wanted(self) -> dict[str, str]:
        """The settings that ought to be in force."""
        return wished([*self.kept, self.running] if self.running is not None else self.kept)

    def applied(self, settings: Mapping[str, str], now: float) -> None:
        """``settings`` are in force."""
        self._in_force = dict(settings)
        tried = self.running is not None and self.running.on
        if tried != self._tried:  # a window that saw both says nothing of what was kept
            self._tried, self._turned = tried, now
        for one in (*self.kept, *([self.running] if self.running is not None else [])):
            if one.trial is not None:
                one.trial.applied(now)

    def told(self, in_force: Mapping[str, str], now: float) -> None:
        """These are in force, says who keeps them. What is missing was ended by the config file."""
        for key in [key for key in self._in_force if key not in in_force]:
            for one in [one for one in self.held() if one.key == key]:
                self._end(one, "reverted", "the config file says something new of it", now, by="the config file")
        self._in_force = dict(in_force)

    def refused(self, reason: str, now: float, *, late: bool) -> None:
        """What is wished could not be had."""
        running = self.running
        if running is not None and running.on:
            self._end(running, "timed_out" if late else "failed", reason, now)
            self._failed(running, now)

    def held(self) -> list[Held]:
        """All with a setting."""
        return [*self.kept, *([self.running] if self.running is not None else [])]

    # ---- begin and end

    def begin(self, experiment: Experiment, held: Held | None) -> None:
        """Try a setting, or have something done."""
        if held is None:
            self.to_do = experiment
        else:
            self.running = held
        self._note(experiment)
        log.info("experiment %s begins: %s", experiment.id, experiment.proposal.description)

    def revert(self, name: str, now: float, by: str) -> list[Experiment]:
        """Take back an experiment, or a key's setting; with it go later ones of the same key. Raises Refused."""
        found = [one for one in self.held() if name in (one.experiment.id, one.key)]
        if not found:
            raise Refused(f"nothing of {name[:80]} is in force")
        first = self.held().index(found[0])
        gone = [one for one in self.held()[first:] if one.key == found[0].key]
        for one in gone:
            self._end(one, "reverted", "taken back", now, by=by)
            if one.key in self.searches:
                self._failed(one, now)
        return [one.experiment for one in gone]

    def judge(self, start: float, end: float, values: Mapping[str, float]) -> None:
        """A window is over."""
        if self.deed is not None:
            self._judge_deed(self.deed, end, values)
        elif self.to_do is not None and end - self.to_do.began > 2 * (self.timeout + end - start):
            self.acted([], 0, end, late=True)  # whoever does such things is stuck: nothing else could be tried ever
        running = self.running
        if running is not None and running.trial is not None:
            was_on = running.trial.on
            running.trial.take(start, end, values)
            if running.trial.verdict is not None:
                self._conclude(running, running.trial, end)
            if was_on or running.trial.on:
                return
        self._watch(start, end, values)

    def _watch(self, start: float, end: float, values: Mapping[str, float]) -> None:
        """What was kept, the newest first. One that is being checked has the windows to itself."""
        if start < self._turned:
            return
        newest = list({one.key: one for one in self.kept}.values())[::-1]
        watched = [(one, one.trial) for one in newest if one.trial is not None and self._is_young(one, end)]
        checked = [(one, trial) for one, trial in watched if not trial.on]
        for one, trial in checked or watched:
            trial.take(start, end, values, alone=self.running is None and self.deed is None)
            if trial.phase == "over":
                reason = trial.verdict[1] if trial.verdict is not None else ""
                self._learn(one, trial, end)
                self._end(one, "rolled_back", reason, end)
                self._failed(one, end, hurt="hurt" in reason, lost=True)
            if not trial.on:
                if self.running is not None:
                    self._end(self.running, "failed", f"disturbed: {one.key} had to be checked", end)
                return

    @staticmethod
    def _is_young(one: Held, now: float) -> bool:
        return not one.on or now - (one.experiment.ended or now) < WATCHED_SECONDS

    def _conclude(self, held: Held, trial: Trial, now: float) -> None:
        assert trial.verdict is not None
        state, reason = trial.verdict
        costs = self._learn(held, trial, now)
        if state == "kept" and costs < 0:
            state, reason = "rolled_back", "at other hours it costs more than it gains now"
        if state == "kept":
            self.running = None
            self.kept.append(held)
            knob = knob_of(held.key)
            if knob is not None:
                start = knob.read(held.experiment.proposal.old or held.text)
                self.searches.setdefault(held.key, Search(knob)).kept(knob.read(held.text), start)
            self.again.pop(held.key, None)
            self._close(held.experiment, "kept", reason, now, trial)
        else:
            self._end(held, "rolled_back", reason, now)
            self._failed(held, now, hurt="hurt" in reason)

    def _end(self, held: Held, state: str, reason: str, now: float, by: str = "") -> None:
        """It is no longer wished."""
        if self.running is held:
            self.running = None
        else:
            self.kept.remove(held)
        self.again.pop(held.key, None)
        self._close(held.experiment, state, reason, now, held.trial, by)

    def _learn(self, held: Held, trial: Trial, now: float) -> float:
        """What it gains, at all hours that are known, in the metric's own units."""
        knob, old, metric = knob_of(held.key), held.experiment.proposal.old, trial.metric
        if knob is None or old is None or len(trial.evidence.differences) < LEAST_PAIRS:
            return 0.0
        search = self.searches.setdefault(held.key, Search(knob))
        start, end = knob.place(knob.read(old)), knob.place(knob.read(held.text))
        for at, gained in trial.hours.values():
            search.rhythm.note(at, start, end, gained)
        if held is not self.running:
            return 0.0
        for one in self.kept:
            if one.key == held.key and one.trial is not None:
                self._learn(one, one.trial, now)
        off, on = (metric.value(statistics.fmean(trial.levels[one])) for one in (False, True))
        gain = (on - off) * metric.better
        search.rhythm.note(now, start, end, gain)
        return gain + search.rhythm.elsewhere(now, start, end)

    def _failed(self, held: Held, now: float, *, hurt: bool = False, lost: bool = False) -> None:
        knob = knob_of(held.key)
        if knob is None:
            return
        search, value = self.searches.setdefault(held.key, Search(knob)), knob.read(held.text)
        if lost:
            search.lost(value, now, self.cooldown, hurt=hurt)
        else:
            search.failed(now, self.cooldown, value if hurt else None)

    def _close(
        self, one: Experiment, state: str, reason: str, now: float, trial: Trial | None = None, by: str = ""
    ) -> None:
        """Write down what came of it."""
        one.state, one.reason, one.ended = state, f"{reason}, by {by}" if by else reason, now  # type: ignore[assignment]
        if trial is not None and trial.evidence.differences:
            metric, better = trial.metric, trial.metric.better
            low, high = sorted(end * better for end in trial.evidence.bounds(_ALPHA))
            one.effect = metric.change(trial.evidence.mean * better)
            one.bounds = (metric.change(low), metric.change(high)) if math.isfinite(low + high) else None
            one.before = metric.value(statistics.fmean(trial.levels[False]))
            one.after = metric.value(statistics.fmean(trial.levels[True]))
        if one not in self.journal:
            self.journal.appendleft(one)
        self._note(one)
        log.info("experiment %s ended as %s: %s", one.id, state, one.reason)

    # ---- what is done once

    def acted(
        self, before: Sequence[float], windows: int, now: float, problem: str = "", *, late: bool = False
    ) -> None:
        """What was to be done is done, or has failed."""
        experiment, self.to_do = self.to_do, None
        if experiment is None:
            return
        if problem or late:
            self._close(experiment, "timed_out" if late else "failed", problem or "it took too long", now)
            self._rest(experiment.proposal, now)
            return
        self.deed = Deed(experiment, MEASURES.get(experiment.proposal.metric), before, windows)

    def _judge_deed(self, deed: Deed, now: float, values: Mapping[str, float]) -> None:
        measure = deed.measure
        if measure is not None and measure.name in values:
            deed.after.append(values[measure.name])
        deed.left -= 1
        if deed.left > 0:
            return
        self.deed = None
        one = deed.experiment
        if measure is None or not deed.before or not deed.after:
            self._close(one, "kept", "done; nothing could be measured", now)
        else:
            one.before, one.after = statistics.median(deed.before), statistics.median(deed.after)
            one.effect = one.after - one.before if measure.share else one.after / one.before - 1.0
            helped = one.effect * measure.better > 0
            self._close(one, "kept" if helped else "failed", "it helped" if helped else "it did not help", now)
        self._rest(one.proposal, now)

    def _rest(self, proposal: Proposal, now: float) -> None:
        """What was done once is not done again at once; longer, if it did not help."""
        rest = self.rests.setdefault(proposal.setting, Rest())
        rest.done(now, self.cooldown, helped=self.journal[0].state == "kept")

    def __repr__(self) -> str:
        return f"<Experiments, {len(self.kept)} kept, {'one runs' if self.running else 'none runs'}>"

"""Does the optimizer find the best setting, and does it take back what does harm? In virtual time, drawn anew each run.

Ten settings that are badly set (``bench/tuned.py``), with noise and a daily rhythm; then harmful proposals, planted.
Exits 1 unless each setting ends within 10 % of the best that the guard allows, no guard is clearly left for more than
one window at a time, and every harmful one is taken back. ``--seed`` plays a run again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random, SystemRandom

from bench.stats import table
from bench.tuned import SPAN, Truth, Tuned, scenarios
from penstock.insight.optimizer.course import Course, keys_of
from penstock.insight.optimizer.knobs import Knob, knob_of
from penstock.insight.optimizer.measures import ALWAYS, MEASURES
from penstock.insight.optimizer_config import OptimizerConfig

GATHERED = 1.5
"""Seconds after the end of a window until what follows from it is in force."""
START = 1_800_000_000.0
CANDIDATES = 400
GUARD = 0.2
CLEARLY = 1.5
"""Times what is allowed: so far a window must be outside for its noise not to hide it. In all, any counts."""


@dataclass
class Outcome:
    """Of one run. ``outside``: the longest row of windows in which a guard was clearly broken, in truth;
    ``outside_in_all``: the windows in which one was broken by anything."""

    tuned: Tuned
    course: Course
    value: float
    outside: int
    outside_in_all: int
    windows: int


class Run:
    """One scenario under a course, window by window."""

    def __init__(self, tuned: Tuned, draw: Random, mode: str) -> None:
        knob = knob_of(tuned.key)
        assert knob is not None
        self.tuned = tuned
        self.knob: Knob = knob
        self.draw = draw
        self.course = Course(Random(draw.random()))
        self.config = OptimizerConfig(mode=mode, bounds={tuned.key: list(tuned.bounds)}, guard=GUARD, unsafe=True)  # type: ignore[arg-type]
        self.written = knob.read(tuned.written)
        self.present = self.before = self.written
        self.changed = self.now = START
        self.left: float | None = None
        self.row = self.longest = self.outside = self.windows = 0
        self.follow()

    def follow(self) -> None:
        """The course knows what is in force."""
        self.course.follow(self.config, keys_of({self.tuned.key: self.written}))

    def step(self) -> None:
        """One window."""
        start, end = self.now, self.now + SPAN
        moved = min(1.0, max(0.0, (self.changed - start) / SPAN))
        parts = [(1 - moved, self._truth(self.present, end))]
        if moved > 0:
            parts.append((moved, self._truth(self.before, start)))
        self._judge(max(parts, key=lambda part: part[0])[1], end)
        self.course.take(self.tuned.window(start, parts, self.draw))
        self.now = end
        self.windows += 1
        self._apply()

    def _truth(self, value: float, at: float) -> Truth:
        on = at - self.left if self.left is not None and value != self.written else 0.0
        return self.tuned.truth(value, at, on)

    def _apply(self) -> None:
        experiments = self.course.experiments
        wanted = experiments.wanted()
        value = self.knob.read(wanted.get(self.tuned.key, self.tuned.written))
        at = self.now + GATHERED
        if value != self.present:
            self.before, self.present, self.changed = self.present, value, at
            self.left = None if value == self.written else self.left or at
        experiments.applied(wanted, at)
        self.follow()

    def _judge(self, truth: Truth, at: float) -> None:
        """Whether a guard is broken now, in truth: against what the file's value would give."""
        base = self.tuned.truth(self.written, at)
        self.outside += broken(self.knob, truth, base)
        if broken(self.knob, truth, base, CLEARLY):
            self.row += 1
            self.longest = max(self.longest, self.row)
        else:
            self.row = 0

    def outcome(self) -> Outcome:
        """By what is kept: just now something may be tried, or turned off to see what it does."""
        value = self.knob.read([self.tuned.written, *(one.text for one in self.course.experiments.kept)][-1])
        return Outcome(self.tuned, self.course, value, self.longest, self.outside, self.windows)


def broken(knob: Knob, truth: Truth, base: Truth, times: float = 1.0) -> bool:
    """Whether ``truth`` hurts a guard that ``base`` does not, by so many times what is allowed."""
    for name in dict.fromkeys((*knob.guards, *ALWAYS)):
        measure = MEASURES[name]
        if name == knob.metric:
            continue
        now, was = measure.level(truth.value(name)), measure.level(base.value(name))
        if (
            now is not None
            and was is not None
            and (was - now) * measure.better > times * measure.tolerance(GUARD) + 1e-9
        ):
            return True
        if measure.ceiling is not None and truth.value(name) > measure.ceiling >= base.value(name):
            return True
    return False


# ---- the best setting


def best(tuned: Tuned) -> tuple[float, float]:
    """The value within the bounds that is best over a day and breaks no guard at any hour, and what it gives."""
    knob = knob_of(tuned.key)
    assert knob is not None
    low, high = (knob.read(text) for text in tuned.bounds)
    found = []
    for number in range(CANDIDATES + 1):
        share = number / CANDIDATES
        value = low + share * (high - low) if knob.kind == "share" else low * (high / low) ** share
        value = knob.rounded(value)
        if not any(broken(knob, tuned.truth(value, at), tuned.truth(knob.read(tuned.written), at)) for at in _hours()):
            found.append((given(tuned, value) * MEASURES[knob.metric].better, value))
    gain, value = max(found)
    return value, gain * MEASURES[knob.metric].better


def _hours() -> Iterator[float]:
    return (START + 3600.0 * hour for hour in range(24))


def given(tuned: Tuned, value: float) -> float:
    """What ``value`` gives of the metric, on average over a day."""
    knob = knob_of(tuned.key)
    assert knob is not None
    return sum(tuned.truth(value, at).value(knob.metric) for at in _hours()) / 24


def shortfall(tuned: Tuned, value: float) -> tuple[float, float, float]:
    """How far ``value`` is from the best, as a share of that; and the file's; and where the best is."""
    knob = knob_of(tuned.key)
    assert knob is not None
    at, most = best(tuned)
    better = MEASURES[knob.metric].better

    def short(one: float) -> float:
        ratio = given(tuned, one) / most
        return (1 / ratio if better > 0 else ratio) - 1

    return short(value), short(knob.read(tuned.written)), at


def tune(tuned: Tuned, draw: Random, hours: float) -> Outcome:
    """The optimizer alone with it, for so long."""
    run = Run(tuned, draw, "auto")
    for _ in range(int(hours * 3600 / SPAN)):
        run.step()
    return run.outcome()


# ---- harm


def harms(draw: Random) -> list[tuple[str, Tuned]]:
    """Settings that do harm, in ways drawn anew: at once, after a while, at the day's peak, slowly."""
    gain, much, after = draw.uniform(0.75, 0.9), draw.uniform(1.35, 4.0), draw.uniform(300, 5400)

    def lit(text: str) -> Tuned:
        def response(value: float, load: float) -> Truth:
            return Truth(latency=2.0 * load * (gain if value != 20 else 1.0), ttft=0.5, errors=0.004)

        return Tuned("upstreams.u.weight", "20", ("1", "400"), response, phase=draw.uniform(0, 6.28), bend=None)

    def errors(truth: Truth, on: float, load: float) -> Truth:
        return replace(truth, errors=0.03 + 0.02 * much)

    def dearer(truth: Truth, on: float, load: float) -> Truth:
        return replace(truth, cost=truth.cost * much)

    def worse(truth: Truth, on: float, load: float) -> Truth:
        return replace(truth, latency=truth.latency / gain * draw_worse)

    def later(truth: Truth, on: float, load: float) -> Truth:
        return dearer(truth, on, load) if on > after else truth

    def ramp(truth: Truth, on: float, load: float) -> Truth:
        return replace(truth, errors=truth.errors + max(0.0, on - after / 4) * 0.00004)

    def peak(truth: Truth, on: float, load: float) -> Truth:
        return errors(truth, on, load) if load > 1.15 else truth

    def turns(truth: Truth, on: float, load: float) -> Truth:
        return worse(truth, on, load) if on > min(after, 200.0) else truth

    def nothing(truth: Truth, on: float, load: float) -> Truth:
        return replace(truth, latency=truth.latency / gain)

    draw_worse = draw.uniform(1.05, 1.8)
    kinds = {"errors at once": errors, "dearer at once": dearer, "slower": worse, "dearer after a while": later,
             "errors that grow": ramp, "errors at the day's peak": peak, "helps, then slows": turns,
             "no effect": nothing}  # fmt: skip
    return [(name, replace(lit(name), bend=bend, swing=0.3)) for name, bend in kinds.items()]


def plant(tuned: Tuned, draw: Random, hours: float) -> Outcome:
    """Have the harmful value tried, and look on for so long, or until it was taken back."""
    run = Run(tuned, draw, "suggest")
    for _ in range(30):
        run.step()
    proposal = run.course.propose(tuned.key, run.knob.write(run.written * 2))
    begun = run.course.begin(proposal.id, run.now, by="planted")
    run._apply()
    for _ in range(int(hours * 3600 / SPAN)):
        if begun.state not in ("running", "kept"):
            break
        run.step()
    for _ in range(6):
        run.step()
    return run.outcome()


def main() -> int:
    """Tables, and whether the bars hold."""
    wants = argparse.ArgumentParser(description=__doc__)
    wants.add_argument("--seed", type=int, default=None)
    wants.add_argument("--hours", type=float, default=48.0, help="virtual hours a setting")
    wants.add_argument("--rounds", type=int, default=1)
    wants.add_argument("--only", default="", help="a part of a key, or 'harm'")
    options = wants.parse_args()
    print(f"seed {(seed := SystemRandom().randrange(2**32) if options.seed is None else options.seed)}\n")
    draw, rows, bad = Random(seed), [], 0
    for _ in range(options.rounds):
        for tuned in scenarios(draw):
            own = Random(draw.random())
            if options.only in tuned.key:
                row, missed = _row(tune(tuned, own, options.hours))
                rows.append(row)
                bad += missed
    print(table(rows))
    lines = []
    for _ in range(options.rounds):
        for name, tuned in harms(draw):
            own = Random(draw.random())
            if options.only in ("", "harm"):
                line, missed = _line(name, plant(tuned, own, 30.0))
                lines.append(line)
                bad += missed
    print("\n" + table(lines))
    print(f"\n{'all bars hold' if not bad else f'{bad} bars are missed'}")
    return 1 if bad else 0


def _row(outcome: Outcome) -> tuple[dict[str, str], int]:
    tuned, knob = outcome.tuned, knob_of(outcome.tuned.key)
    assert knob is not None
    short, was, at = shortfall(tuned, outcome.value)
    journal = outcome.course.experiments.journal
    kept = sum(one.state == "kept" for one in journal)
    row = {
        "setting": tuned.key, "file": tuned.written, "ended at": knob.write(outcome.value), "best": knob.write(at),
        "worse than best, file": f"{was:.0%}", "ended": f"{short:.1%}", "kept": str(kept), "tried": str(len(journal)),
        "clearly outside, most in a row": str(outcome.outside),
        "by anything, in all": f"{outcome.outside_in_all} of {outcome.windows}",
    }  # fmt: skip
    return row, int(short > 0.10) + int(outcome.outside > 1)


def _line(name: str, outcome: Outcome) -> tuple[dict[str, str], int]:
    one = outcome.course.experiments.journal[0] if outcome.course.experiments.journal else None
    state = "running" if one is None else one.state
    line = {
        "harm": name, "ended as": state, "because": "" if one is None else one.reason,
        "minutes": "" if one is None or one.ended is None else f"{(one.ended - one.began) / 60:.0f}",
        "clearly outside, most in a row": str(outcome.outside), "by anything, in all": str(outcome.outside_in_all),
    }  # fmt: skip
    return line, int(state != "rolled_back") + int(outcome.outside > 1)


if __name__ == "__main__":
    sys.exit(main())

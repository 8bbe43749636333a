"""The experiments whose settings are, or may be, in force, and what all of them together make of the settings. Pure.

Enters: experiments in the order in which they were begun. Leaves: the settings wished, by key, and what has been spent
of each guard: several steps together must not hurt more than one may.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from penstock.insight.findings import Experiment
from penstock.insight.optimizer.measures import Measure
from penstock.insight.optimizer.trial import Trial

NOISE = 2.0
"""Standard errors that are none's fault: with one, what few callers say of answers had ended a search for good."""


class Held:
    """An experiment with a setting. ``text`` is tried, ``old`` is what it is tried against; None for the file's."""

    def __init__(self, experiment: Experiment, key: str, text: str, old: str | None, trial: Trial | None) -> None:
        self.experiment = experiment
        self.key = key
        self.text = text
        self.old = old
        self.trial = trial

    @property
    def on(self) -> bool:
        """Whether it is wished in force. One of which no trial is left was kept before."""
        return self.trial is None or self.trial.on

    def __repr__(self) -> str:
        return f"<Held {self.experiment.id} {self.key}={self.text}>"


class Deed:
    """Something that was done once: judged by the windows before it and those after."""

    def __init__(self, experiment: Experiment, measure: Measure | None, before: Sequence[float], windows: int) -> None:
        self.experiment = experiment
        self.measure = measure
        self.before = list(before)
        self.after: list[float] = []
        self.left = windows


def wished(held: Iterable[Held]) -> dict[str, str]:
    """The settings in force, if all goes as wished."""
    settings: dict[str, str] = {}
    for one in held:
        if one.on:
            settings[one.key] = one.text
        elif one.old is None:
            settings.pop(one.key, None)
        else:
            settings[one.key] = one.old
    return settings


def spent(held: Iterable[Held], guard: str) -> float:
    """How much worse all together have made it, on its scale, as far as it is not noise."""
    total = error = 0.0
    for one in held:
        pairs = one.trial.harm.pairs.get(guard) if one.trial is not None else None
        if pairs is not None and len(pairs.differences) > 1:
            total += pairs.middle
            error += statistics.variance(pairs.differences) / len(pairs.differences)
    return max(0.0, total - NOISE * math.sqrt(error))

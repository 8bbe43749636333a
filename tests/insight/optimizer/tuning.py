"""A course that is fed windows of a made-up gateway: what a setting does to it is a function of the value."""

from collections.abc import Callable
from random import Random
from typing import Any

from penstock.core.sketch import put
from penstock.core.windows import SPAN, Group, Window
from penstock.insight.findings import Experiment
from penstock.insight.optimizer.course import Course, keys_of
from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer_config import OptimizerConfig

KEY = "batching.max_wait"
START = 1_800_000_000.0


class Bench:
    """``latency`` and ``errors`` of the value in force and the windows for which it has been."""

    def __init__(
        self, latency: Callable[[float, int], float], errors: Callable[[float, int], float] = lambda _, __: 0.0,
        **config: Any,
    ) -> None:  # fmt: skip
        self.noted: list[Experiment] = []
        self.course = Course(Random(5), self.noted.append)
        self.config = OptimizerConfig(**({"bounds": {KEY: ["1ms", "10s"]}, "mode": "auto", "proving": 60.0} | config))
        self.course.follow(self.config, keys_of({KEY: 0.1}))
        self.now = START
        self.value = 0.1
        self.held = 0
        self.draw = Random(9)
        self._latency = latency
        self._errors = errors
        self.outside = 0

    def step(self, number: int = 1) -> None:
        """So many windows; what is wished is in force soon after each."""
        knob = knob_of(KEY)
        assert knob is not None
        for _ in range(number):
            self.held += 1
            group = Group("chat", "m", "u", calls=500, streams=500)
            group.faults["upstream"] = round(500 * self._errors(self.value, self.held))
            for shape in (0.5, 0.7, 0.9, 1.0, 1.0):
                put(group.totals, shape * self._latency(self.value, self.held) * self.draw.gauss(1, 0.02), 100)
            self.course.take(Window(self.now, SPAN, [group]))
            self.now += SPAN
            wanted = self.course.experiments.wanted()
            value = knob.read(wanted[KEY]) if KEY in wanted else 0.1
            if value != self.value:
                self.value, self.held = value, 0
            self.course.experiments.applied(wanted, self.now + 1.0)

    def until(self, state: str, most: int = 2000) -> Experiment:
        """Windows until an experiment has ended as ``state``."""
        for _ in range(most):
            for one in self.course.experiments.journal:
                if one.state == state:
                    return one
            self.step()
        raise AssertionError(f"nothing was {state}: {list(self.course.experiments.journal)}")

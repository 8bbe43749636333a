"""One comparison: a trace, a fleet, a load, and policies side by side over paired seeds. Pure; the seed decides all.

Each seed draws its own stretches of the trace and its own fleet; all policies then meet the same calls at the same
moments. ``load`` is a share of what the fleet can do at most (``fleet.capacity``), of which the answers' length counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from penstock.simulate.fleet import capacity, fleet
from penstock.simulate.hardware import Engine
from penstock.simulate.measures import Goal, Measures, measure
from penstock.simulate.routing import Run, Settings
from penstock.simulate.sampling import at_rate, longer, resample
from penstock.simulate.traces import Trace

SKIPPED = 0.25
"""The share of calls that fill the fleet and teach the policies, and are not measured."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """``calls`` a seed; ``answers``: factor on their length; ``hardware`` as in ``fleet.py``; ``base``: calls a second
    of one replica at full speed."""

    trace: Trace
    engine: Engine
    upstreams: int
    load: float
    hardware: str = "equal"
    calls: int = 2000
    answers: float = 1.0
    goal: Goal | None = None
    settings: Settings = field(default_factory=Settings)
    base: float = 0.0

    def play(self, policies: Sequence[str], seed: int) -> dict[str, Measures]:
        """What each of ``policies`` is worth on the calls of ``seed``."""
        goal = self.goal or Goal.of(self.engine)
        rng = random.Random(seed)
        drawn = longer(resample(self.trace, self.calls, rng), self.answers)
        those = fleet(self.engine, self.upstreams, self.hardware, rng)
        base = self.base or self.capacity()
        calls = at_rate(drawn, self.load * base * those.total)
        told: dict[str, Measures] = {}
        for policy in policies:
            run = Run(calls, those, policy, seed, self.settings)
            run.go()
            told[policy] = measure(run, goal, SKIPPED)
        return told

    def capacity(self) -> float:
        """Calls a second of one replica at full speed."""
        return capacity(longer(self.trace, self.answers), self.engine)

    def compare(
        self, policies: Sequence[str], seeds: Sequence[int], tell: Callable[[int], None] | None = None
    ) -> dict[str, list[Measures]]:
        """The measures of each policy, seed by seed. ``tell`` is called after each."""
        told: dict[str, list[Measures]] = {policy: [] for policy in policies}
        for number, seed in enumerate(seeds, 1):
            for policy, measures in self.play(policies, seed).items():
                told[policy].append(measures)
            if tell is not None:
                tell(number)
        return told

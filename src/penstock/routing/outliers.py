"""Which upstreams of a model are much slower than the others. Pure; times are passed in.

Slow is one whose time to the first token (``Load.peak_first``) is more than ``outlier`` times the median of its model's
and at least ``LEAST_SECONDS`` above it. At least three must have been measured, and so many stay that the panic
threshold is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from penstock.routing.targets import Target

LEAST_SECONDS = 0.1
LEAST_MEASURED = 3


def slow_ones(targets: Sequence[Target], now: float) -> list[Target]:
    """Those to be left out, the slowest first."""
    if not targets or not targets[0].health.rules.outlier:
        return []
    rules = targets[0].health.rules
    well = [target for target in targets if target.usable(now)]
    measured = [(target.load.peak_first.value, target) for target in well]
    known = [(value, target) for value, target in measured if value is not None]
    if len(known) < LEAST_MEASURED:
        return []
    middle = median([value for value, _ in known])
    bound = max(rules.outlier * middle, middle + LEAST_SECONDS)
    slow = sorted([pair for pair in known if pair[0] > bound], key=lambda pair: -pair[0])
    spare = int(len(well) - rules.panic * len(targets))
    return [target for _, target in slow[: max(0, spare)]]

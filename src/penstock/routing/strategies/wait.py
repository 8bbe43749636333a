"""What an upstream would make a call wait for: the common ground of ``predictive``, ``cost`` and ``adaptive``.

Seconds to the first token: slow · (base + slope · (uncached tokens in flight + mine · (1 − hit))), what the longest
waiting call is overdue, and the KV barrier. Rank: (slow · those tokens)² · (calls + 1)³ · slow²: LMetric's product
(arXiv 2603.15202) at a learned pace, calls weighing more, for they share batch, seats and KV. Exponents, and constants
in ``load.py`` and ``pace.py``, were fitted on the first halves of the traces (docs/decisions/0011-adaptive.md).
"""

from __future__ import annotations

import math
from typing import Final

from penstock.routing.ask import Ask
from penstock.routing.targets import Target

DECODE: Final = 0.1
"""A second of a whole answer counts as so many to its first token, where prices are compared with time."""


def first_seconds(target: Target, ask: Ask, hit: float) -> float:
    """Seconds to the first token, expected."""
    return target.load.first_seconds(ask.tokens * (1.0 - hit), ask.now)


def wait(target: Target, ask: Ask, hit: float) -> float:
    """Seconds to the first token, and a part of those that the answer then takes."""
    return first_seconds(target, ask, hit) + DECODE * ask.output * target.load.gap_seconds(ask.now)


def rank(target: Target, ask: Ask, hit: float) -> float:
    """The least wins. The wait is in tokens here: one line turns it into seconds for all."""
    load = target.load
    load.tally(ask.now)
    tokens = (load.queue + load.slow * ask.tokens * (1.0 - hit)) / target.pull
    return tokens * tokens * load.crowd


def rank_terms(target: Target, ask: Ask, hit: float) -> dict[str, float]:
    """The logarithms whose sum is that of ``rank``: the least sum wins."""
    load = target.load
    load.tally(ask.now)
    return {
        "first token": 2.0 * math.log(load.queue + load.slow * ask.tokens * (1.0 - hit)),
        "calls": math.log(load.crowd),
        "weight": -2.0 * math.log(target.pull),
    }

"""Sticky until saturated: those that have 80 % of the prompt, while they are not much later than the others (llm-d).

seconds = uncached tokens in flight / peak prefill rate. If the soonest that has the prompt is later than the soonest of
the others by more than 18 s, all compete; then the least (uncached in flight + mine · (1 − hit)) wins. The peak rate is
one calibrated constant, the right one of the full-speed engine here. (llm-d's blog of 2026-08-17; prefixcacheaffinity.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.ask import Ask
from penstock.routing.prefix import PrefixIndex
from penstock.routing.targets import Target

THRESHOLD = 0.8
PENALTY_SECONDS = 18.0
PEAK = 15_928.0


class Sticky:
    """``peak``: tokens a second; ``uniform(a, b)`` draws where to begin among equals."""

    prefix = True
    largest = False

    def __init__(self, prefixes: PrefixIndex, uniform: Callable[[float, float], float], peak: float = PEAK) -> None:
        self._prefixes = prefixes
        self._uniform = uniform
        self.peak = peak

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        if ask.blocks:
            self._prefixes.match(ask)
        hits = ask.hits
        looked = targets
        if hits:
            having = [target for target in targets if hits.get(target.slot, 0.0) >= THRESHOLD]
            if having and len(having) < len(targets):
                soonest = min([target.load.waiting for target in having])
                others = min([target.load.waiting for target in targets if hits.get(target.slot, 0.0) < THRESHOLD])
                if (soonest - others) / self.peak <= PENALTY_SECONDS:
                    looked = having
        count = len(looked)
        start = int(self._uniform(0, count))
        best, least = looked[0], -1.0
        for offset in range(count):
            target = looked[(start + offset) % count]
            tokens = score(target, ask)
            if least < 0.0 or tokens < least:
                best, least = target, tokens
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Tokens to be computed there."""
        return {"tokens": score(target, ask)}

    def __repr__(self) -> str:
        return f"<Sticky at {self.peak:.0f} tokens a second>"


def score(target: Target, ask: Ask) -> float:
    """See the module."""
    return target.load.waiting + ask.tokens * (1.0 - ask.hits.get(target.slot, 0.0))

"""Cache aware: the longest match in a prefix tree, unless the fleet is out of balance (SGLang's and vLLM's routers).

With (most − least calls) > ``gap`` and most > ``ratio`` · least: the fewest calls. Else the longest match if it covers
more than ``threshold`` of the prompt, and if not, the fewest calls. Defaults differ by layer: 0.5, 32, 1.1 in the
library, 0.3, 64, 1.5 on the command line (``docs/benchmarks/router_overhead.md`` of vllm-project/router).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.ask import Ask
from penstock.routing.prefix import PrefixIndex
from penstock.routing.targets import Target

LIBRARY = (0.5, 32, 1.1)
COMMAND_LINE = (0.3, 64, 1.5)


class CacheAware:
    """``uniform(a, b)`` draws where to begin among equals."""

    prefix = True
    largest = True

    def __init__(
        self,
        prefixes: PrefixIndex,
        uniform: Callable[[float, float], float],
        defaults: tuple[float, int, float] = LIBRARY,
    ) -> None:
        self._prefixes = prefixes
        self._uniform = uniform
        self.threshold, self.gap, self.ratio = defaults

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        if ask.blocks:
            self._prefixes.match(ask)
        calls = [target.in_flight for target in targets]
        most, least = max(calls), min(calls)
        hits = ask.hits
        if hits and (most - least <= self.gap or most <= self.ratio * least):
            best = max(targets, key=lambda target: hits.get(target.slot, 0.0))
            if hits.get(best.slot, 0.0) > self.threshold:
                return best
        idle = [target for target, busy in zip(targets, calls, strict=True) if busy == least]
        return idle[min(len(idle) - 1, int(self._uniform(0, len(idle))))]

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The share of the prompt that it likely has."""
        return {"hit": ask.hits.get(target.slot, 0.0)}

    def __repr__(self) -> str:
        return f"<CacheAware {self.threshold}, {self.gap}, {self.ratio}>"

"""Windows as a quiet gateway leaves them, to be changed by a test: two models at two upstreams, three keys."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from penstock.core.sketch import put
from penstock.core.windows import Group, Part, Window

BEGIN = 1_800_000_000.0
PAIRS = (("chat", "gpu-1"), ("chat", "gpu-2"), ("code", "gpu-1"), ("code", "gpu-2"))
KEYS = ("k1", "k2", "k3")


class Quiet:
    """``next`` gives the next window, of ``calls`` calls a pair. ``slow``: factors of both times by model or upstream;
    ``short``: of answers; ``errors``: shares."""

    def __init__(self, seed: int = 1, calls: int = 8) -> None:
        self.draw = random.Random(seed)
        self.calls = calls
        self.at = BEGIN
        self.slow: dict[str, float] = {}
        self.short: dict[str, float] = {}
        self.errors: dict[str, float] = {}
        self.price: dict[str, float] = {}
        self.prompts = 1.0
        self.hits = 0.5
        self.traffic = 1.0
        self.flood = 0
        self.gauges: dict[str, float] = {}

    def next(self) -> Window:
        """The next."""
        draw, parts = self.draw, {key: Part() for key in KEYS}
        groups, bands = [], Part()
        for model, upstream in PAIRS:
            group = Group(operation="chat", model=model, upstream=upstream)
            for _ in range(round(self.calls * self.traffic * draw.uniform(0.9, 1.1))):
                self._call(group, parts[draw.choice(KEYS)], bands)
            groups.append(group)
        cached = Group(operation="chat", model="chat")
        cached.looked_up = 4 * self.calls
        cached.hits = sum(draw.random() < self.hits for _ in range(4 * self.calls))
        cached.calls = cached.hits
        parts["k1"].calls += self.flood
        cached.calls += self.flood
        usual = {
            "loop_lag": 0.004 * draw.lognormvariate(0, 0.3),
            "memory": 0.4 + draw.gauss(0, 0.004),
            "disk_free": 0.5,
        }
        kept = {"hit-exact": Part(calls=cached.hits, hits=cached.hits)}
        window = Window(
            self.at, groups=[*groups, cached], gauges=usual | self.gauges,
            parts={"key": parts, "prompt": {"1024": bands}, "cache": kept},
        )  # fmt: skip
        self.at += 10.0
        return window

    def _call(self, group: Group, part: Part, bands: Part) -> None:
        draw = self.draw
        group.calls += 1
        prompt = round(draw.lognormvariate(math.log(500), 0.4) * self.prompts)
        failed = draw.random() < self.errors.get(group.upstream, 0.0)
        for one in (part, bands):
            one.calls += 1
            one.failed += failed
            one.tokens_in += prompt
        if failed:
            group.faults["upstream"] = group.faults.get("upstream", 0) + 1
            return
        slow = self._of(self.slow, group)
        answer = max(1, round(draw.lognormvariate(math.log(100), 0.4) * self._of(self.short, group)))
        put(group.firsts, 0.3 * slow * draw.lognormvariate(0, 0.3))
        put(group.gaps, 0.02 * slow * draw.lognormvariate(0, 0.2))
        put(group.totals, 2.0)
        group.tokens_in += prompt
        group.tokens_out += answer
        group.cost += round((prompt + 4 * answer) * self._of(self.price, group))

    @staticmethod
    def _of(factors: Mapping[str, float], group: Group) -> float:
        return factors.get(group.upstream, 1.0) * factors.get(group.model, 1.0)

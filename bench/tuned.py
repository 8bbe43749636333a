"""A gateway that is not there: how ten settings act on what is measured, with noise and a daily rhythm. Pure.

Enters: a setting's value and a moment. Leaves: what is true (``Truth``), and windows as a gateway would have counted
them. The shapes are those of queues, caches and timeouts; where the best value lies is drawn anew each time, and found
here by looking at all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from penstock.core.sketch import put
from penstock.core.windows import SPAN, Group, Window

DAY = 86_400.0
GRID = 40
SPREAD = 0.4
"""Of the logarithm of latencies."""
_QUANTILES = [(rank + 0.5) / GRID for rank in range(GRID)]


def _normal(share: float) -> float:
    """The quantile of the normal distribution, by bisection on erf: the bench needs forty of them once."""
    low, high = -8.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 * (1 + math.erf(middle / math.sqrt(2))) < share else (low, middle)
    return low


_SHAPE = [math.exp(SPREAD * (_normal(share) - _normal(0.95))) for share in _QUANTILES]
"""Latencies at each quantile, where the one at 0.95 is 1."""


@dataclass(frozen=True)
class Truth:
    """What one setting gives at one moment, without noise."""

    latency: float = 2.0
    ttft: float = 0.5
    rate: float = 50.0
    errors: float = 0.004
    hits: float = 0.5
    cost: float = 500.0
    memory: float = 0.5
    pause: float = 0.02
    goodput: float = 1.0
    """As a share of what is asked."""
    dislikes: float = 0.1

    def value(self, measure: str) -> float:
        """By the name of a measure."""
        names = {
            "latency_mean": "latency",
            "latency_p95": "latency",
            "ttft_p95": "ttft",
            "token_rate": "rate",
            "error_share": "errors",
            "hit_rate": "hits",
            "cost_per_call": "cost",
            "collector_pause": "pause",
        }
        return float(getattr(self, names.get(measure, measure)))


Response = Callable[[float, float], Truth]
"""Of a setting's value and the load (1 on average)."""


@dataclass
class Tuned:
    """One scenario: a key, what the file says of it, between what it may move, and how it acts."""

    key: str
    written: str
    bounds: tuple[str, str]
    response: Response
    calls: float = 1000.0
    """In a window, on average."""
    swing: float = 0.3
    phase: float = 0.0
    noise: float = 0.04
    slow: float = 0.03
    unsafe: bool = False
    bend: Callable[[Truth, float, float], Truth] | None = None
    """What else happens, after ``on`` seconds with another value than the file's, at a load."""
    _slow: dict[str, float] = field(default_factory=dict)

    def load(self, at: float) -> float:
        """By the hour: the day's rhythm."""
        return 1.0 + self.swing * math.sin(2 * math.pi * at / DAY + self.phase)

    def truth(self, value: float, at: float, on: float = 0.0) -> Truth:
        """What ``value`` gives at a moment; ``on``: seconds since the file's value was left."""
        load = self.load(at)
        found = self.response(value, load)
        return found if self.bend is None or on <= 0 else self.bend(found, on, load)

    def window(self, start: float, parts: list[tuple[float, Truth]], draw: Random) -> Window:
        """What is counted where each of ``parts`` was true for a share of the window."""
        calls = max(8, round(draw.gauss(1, 0.1) * self.calls * self.load(start)))
        jitter = {name: self._jitter(name, draw) for name in ("time", "rate", "pause", "goodput", "memory")}
        group = Group("chat", "m", "u", calls=calls, streams=calls)
        window = Window(start, SPAN, groups=[group])
        disliked = given = 0
        for share, truth in parts:
            number = round(calls * share)
            self._count(group, number, truth, jitter, draw)
            opinions = max(1, number // 8)
            given += opinions
            disliked += _binomial(draw, opinions, truth.dislikes)
        window.feedback["m"] = (given, float(given - disliked))
        memory = max(truth.memory for _, truth in parts)
        window.gauges["memory"] = memory * (1 + 0.2 * (jitter["memory"] - 1))
        window.gauges["collector_pause"] = max(truth.pause for _, truth in parts) * jitter["pause"]
        return window

    def _count(self, group: Group, number: int, truth: Truth, jitter: dict[str, float], draw: Random) -> None:
        failed = _binomial(draw, number, min(1.0, truth.errors))
        group.faults["upstream"] = group.faults.get("upstream", 0) + failed
        if truth.goodput != 1.0:  # what is not served in time does not end in this window
            group.calls -= number - round(number * min(1.5, truth.goodput * jitter["goodput"]))
        each = max(1, number // GRID)
        own = math.exp(draw.gauss(0, self.noise))
        for shape in _SHAPE:
            put(group.totals, shape * truth.latency * jitter["time"] * own, each)
            put(group.firsts, shape * truth.ttft * jitter["time"] * own, each)
        tokens = 100 * number
        group.tokens_out += tokens
        group.generating += tokens / (truth.rate * jitter["rate"])
        group.total += number * truth.latency / 2 * jitter["time"] * own
        group.looked_up += number
        group.hits += _binomial(draw, number, truth.hits)
        group.cost += round(number * truth.cost * math.exp(draw.gauss(0, 0.03)))

    def _jitter(self, name: str, draw: Random) -> float:
        """Noise that lasts: neighbouring windows are alike."""
        self._slow[name] = 0.9 * self._slow.get(name, 0.0) + draw.gauss(0, self.slow * math.sqrt(1 - 0.81))
        return math.exp(self._slow[name] + draw.gauss(0, self.noise / 2))


def _binomial(draw: Random, number: int, share: float) -> int:
    """How many of ``number`` happen; by the normal one where that is near enough."""
    share = min(1.0, max(0.0, share))
    if number * share * (1 - share) > 25:
        return min(number, max(0, round(draw.gauss(number * share, math.sqrt(number * share * (1 - share))))))
    return sum(draw.random() < share for _ in range(number))


# ---- the ten


def scenarios(draw: Random) -> list[Tuned]:
    """One of each, their shapes drawn anew."""
    made = [
        make(draw)
        for make in (_batching, _admission, _hedge, _memory, _ttl, _weight, _collector, _timeout, _merge, _semantic)
    ]
    return [replace(one, phase=draw.uniform(0, 2 * math.pi), swing=draw.uniform(0.15, 0.35)) for one in made]


def _queue(used: float) -> float:
    """How much longer it takes at this utilisation; beyond 0.97 it no longer is a queue but a jam."""
    return 1 / (1 - min(used, 0.97)) + 30 * max(0.0, used - 0.97)


def _batching(draw: Random) -> Tuned:
    """Waiting adds itself; larger batches use the engine better."""
    gain, half = draw.uniform(1.2, 2.5), draw.uniform(0.004, 0.02)

    def response(wait: float, load: float) -> Truth:
        used = 0.55 * load / (1 + gain * wait / (wait + half)) * 1.6
        return Truth(latency=0.03 * _queue(used) + 1.2 * wait, ttft=0.02)

    return Tuned("batching.max_wait", "320ms", ("1ms", "400ms"), response)


def _admission(draw: Random) -> Tuned:
    """More at once serve more, until they are in each other's way."""
    best, sharp = draw.uniform(120, 400), draw.uniform(0.25, 0.6)

    def response(limit: float, load: float) -> Truth:
        served = min(1.0, 0.9 * math.exp(-sharp * math.log(limit / best) ** 2))
        return Truth(goodput=served, ttft=0.4 / max(0.05, served) ** 0.5, memory=0.4 + limit / 8000)

    return Tuned("admission.limit", "40", ("10", "2000"), response)


def _hedge(draw: Random) -> Tuned:
    """An earlier second attempt shortens the tail; too early, and the load of both makes everybody wait."""
    tail, typical = draw.uniform(2.0, 4.0), draw.uniform(0.2, 0.5)

    def response(delay: float, load: float) -> Truth:
        late = 0.25 * math.exp(-delay / typical)
        waits = _queue(0.6 * load * (1 + late)) * 0.4
        return Truth(ttft=min(tail, (typical + 0.8 * delay) * waits), cost=500 * (1 + 0.3 * late))

    return Tuned("hedge.least_delay", "2s", ("20ms", "4s"), response)


def _memory(draw: Random) -> Tuned:
    """A larger cache hits more often, less and less so, and takes memory."""
    half, most = draw.uniform(100, 600), draw.uniform(0.6, 0.85)

    def response(size: float, load: float) -> Truth:
        mega = size / 2**20
        hits = most * (1 - math.exp(-mega / half))
        return Truth(hits=hits, latency=2 * (1 - 0.3 * hits), memory=0.45 + mega / 65_536)

    return Tuned("cache.memory", "32MiB", ("16MiB", "4GiB"), response)


def _ttl(draw: Random) -> Tuned:
    """Older answers hit more often, and please less."""
    half, stale = draw.uniform(1200, 7200), draw.uniform(20_000, 90_000)

    def response(ttl: float, load: float) -> Truth:
        return Truth(hits=0.75 * ttl / (ttl + half), dislikes=0.08 + 0.03 * ttl / (ttl + stale))

    return Tuned("cache.exact.ttl", "5m", ("1m", "24h"), response)


def _weight(draw: Random) -> Tuned:
    """Two upstreams of unequal speed: calls that go to the slow one make the tail."""
    ratio = draw.uniform(3, 8)

    def response(weight: float, load: float) -> Truth:
        share = weight / (weight + 4)
        fast, slow = share * load * 0.75, (1 - share) * load * 0.75 * ratio / 2.5
        mean = share * _queue(fast) + (1 - share) * 2.5 * _queue(slow)
        return Truth(latency=0.5 * mean, ttft=0.2 * mean)

    return Tuned("upstreams.fast.weight", "2", ("1", "128"), response)


def _collector(draw: Random) -> Tuned:
    """Looking earlier frees more, and stops the world more often."""
    per, knee = draw.uniform(0.6, 0.8), draw.uniform(0.62, 0.7)

    def response(high: float, load: float) -> Truth:
        return Truth(memory=0.1 + per * high + 0.02 * load, pause=0.02 * (1 + math.exp((knee - high) * 60)))

    return Tuned("memory.collector.high", "0.88", ("0.62", "0.9"), response)


def _timeout(draw: Random) -> Tuned:
    """A shorter patience leaves hung upstreams sooner; too short, and good answers are lost."""
    usual, hung = draw.uniform(0.8, 2.0), draw.uniform(0.06, 0.12)

    def response(patience: float, load: float) -> Truth:
        lost = math.exp(-((patience / (usual * load**0.5)) ** 1.2))
        return Truth(latency=usual * 1.5 + hung * 4 * patience + 8 * usual * lost, errors=0.003 + 0.08 * lost)

    return Tuned("timeouts.first_token", "30s", ("1s", "60s"), response)


def _merge(draw: Random) -> Tuned:
    """Held back longer, events are fewer and cheaper; and later."""
    cost, half = draw.uniform(0.5, 1.2), draw.uniform(0.005, 0.02)

    def response(longest: float, load: float) -> Truth:
        return Truth(latency=1.0 + cost * load / (1 + longest / half) + 4 * longest, ttft=0.4 + 0.1 * longest)

    return Tuned("streaming.merge.longest", "400ms", ("1ms", "500ms"), response)


def _semantic(draw: Random) -> Tuned:
    """More errors allowed, more hits; and more who dislike what they get."""
    half = draw.uniform(0.006, 0.02)

    def response(error: float, load: float) -> Truth:
        return Truth(hits=0.6 * error / (error + half), dislikes=0.06 + 0.25 * error)

    return Tuned("cache.semantic.max_error", "0.004", ("0.001", "0.1"), response, unsafe=True)

"""A gateway's traffic in virtual time, with the noise and the rhythm of real ones, and places to plant faults in.

Enters: a seed. Leaves: windows of ten seconds, made by the tally that counts real calls, from records as those
leave them. Rhythm and lengths come from public traces where they are at hand, else from drawn curves.
"""

from __future__ import annotations

import csv
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

from penstock.core.finished import Record
from penstock.core.windows import SPAN, Window
from penstock.history.tally import Tally

DAY = 86_400.0
BEGIN = 1_800_000_000.0 - 1_800_000_000.0 % DAY
TRACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "traces"
MODELS = {"chat": ("gpu-1", "gpu-2", "api-a"), "small": ("gpu-2", "api-b"), "code": ("gpu-1", "api-a", "api-b")}
KEYS = 12


@dataclass
class Faults:
    """What is wrong now. Factors are 1 and shares 0 where all is well."""

    slow: dict[str, float] = field(default_factory=dict)
    gap: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    dark: set[str] = field(default_factory=set)
    short: dict[str, float] = field(default_factory=dict)
    connecting: dict[str, float] = field(default_factory=dict)
    price: dict[str, float] = field(default_factory=dict)
    flood: tuple[str, float] = ("", 0.0)
    visible: float = 0.6
    hits: float = 1.0
    prompts: float = 1.0
    traffic: float = 1.0
    held: float = 0.0
    """Seconds added to every call by the gateway."""
    gauges: dict[str, float] = field(default_factory=dict)
    """Instead of what they would be."""
    factors: dict[str, float] = field(default_factory=dict)
    """Of gauges."""


class Wave:
    """Noise that remembers: its logarithm moves around 0 by ``spread``; half is forgotten after ``half`` windows."""

    def __init__(self, draw: random.Random, spread: float, half: float) -> None:
        self._draw = draw
        self._keep = 0.5 ** (1 / half)
        self._kick = spread * math.sqrt(1 - self._keep**2)
        self._at = draw.gauss(0, spread)

    def next(self) -> float:
        """The factor of the next window."""
        self._at = self._at * self._keep + self._draw.gauss(0, self._kick)
        return math.exp(self._at)


class World:
    """``rate``: calls a second, the mean of a day."""

    def __init__(self, seed: int, rate: float = 4.0) -> None:
        draw = self.draw = random.Random(seed)
        self.rate = rate
        self.tally = Tally(BEGIN)
        self.upstreams = sorted({upstream for places in MODELS.values() for upstream in places})
        self.first = {upstream: draw.uniform(0.15, 0.6) for upstream in self.upstreams}
        self.pace = {upstream: draw.uniform(0.012, 0.035) for upstream in self.upstreams}
        self.speed = {model: draw.uniform(0.7, 1.5) for model in MODELS}
        self.cost = {upstream: (draw.uniform(0.1, 3.0), draw.uniform(0.5, 12.0)) for upstream in self.upstreams}
        self.keys = [f"k{number}" for number in range(KEYS)]
        self.weights = [1 / (number + 1) ** 0.7 for number in range(KEYS)]
        self.models = {key: [*draw.choices(list(MODELS), k=2), "chat"] for key in self.keys}
        self.hit = draw.uniform(0.25, 0.45)
        self.lengths = _lengths(draw)
        self._rhythm = _rhythm(draw)
        self._tide = Wave(draw, 0.15, 12)
        self._weather = {upstream: Wave(draw, 0.08, 20) for upstream in self.upstreams}
        self._memory = Wave(draw, 0.03, 60)
        self._hitting = Wave(draw, 0.06, 40)
        self._burst = 0
        self._number = 0
        self._busy = 0.0

    def load(self, at: float) -> float:
        """Of the mean."""
        place, part = divmod((at - BEGIN) / 600, 1.0)
        rhythm, here = self._rhythm, int(place) % len(self._rhythm)
        return rhythm[here] * (1 - part) + rhythm[(here + 1) % len(rhythm)] * part

    def window(self, start: float, calm: Faults, faults: Faults, since: float) -> Window | None:
        """The window from ``start``, ``faults`` in it from ``since`` on. None: it is lost."""
        draw = self.draw
        tide = self.load(start) * self._tide.next()
        if self._burst:
            self._burst -= 1
            tide *= 1.6
        elif draw.random() < 0.0005:
            self._burst = draw.randint(2, 4)
        weather = {upstream: wave.next() * (0.85 + 0.15 * tide) for upstream, wave in self._weather.items()}
        hitting = self._hitting.next()
        middle = min(max(since, start), start + SPAN)
        rows = self._calls(start, middle - start, calm, tide, weather, hitting)
        rows += self._calls(middle, start + SPAN - middle, faults, tide, weather, hitting)
        self.tally.take(rows)
        self._busy = sum(row[18] for row in rows) / SPAN
        now = faults if middle < start + SPAN / 2 else calm
        self.tally.close(start + SPAN + 0.1, self._gauges(tide, now))
        if draw.random() < 0.0005:
            return None
        return self.tally.over(start - 1.0)[0]

    def _calls(
        self, start: float, seconds: float, faults: Faults, tide: float, weather: dict[str, float], hitting: float
    ) -> list[Record]:
        draw = self.draw
        usual = poisson(draw, self.rate * tide * faults.traffic * seconds)
        keys = draw.choices(self.keys, self.weights, k=usual)
        flooding, much = faults.flood
        if much:
            keys += [flooding] * poisson(draw, self.rate * much * seconds)
            weather = {upstream: one * (1 + 0.15 * min(much, 4)) for upstream, one in weather.items()}
        return [self._call(start + draw.random() * seconds, key, faults, weather, hitting) for key in keys]

    def _call(self, at: float, key: str, faults: Faults, weather: dict[str, float], hitting: float) -> Record:
        draw = self.draw
        self._number += 1
        model = draw.choice(self.models[key])
        tokens_in, tokens_out = draw.choice(self.lengths)
        tokens_in = int(tokens_in * faults.prompts)
        overhead = 0.0015 * draw.lognormvariate(0, 0.3) + faults.held * draw.random()
        if draw.random() < self.hit * hitting * faults.hits:
            cache = "hit-exact" if draw.random() < 0.6 else "hit-semantic"
            total = 0.003 + overhead
            return self._record(at, model, "", key, 200, "", "", cache, 0, total, total, 0.0, 0.0, overhead,
                                tokens_in, tokens_out, 0)  # fmt: skip
        places = MODELS[model]
        upstream = draw.choice(places)
        attempts, lost = 1, 0.0
        error = faults.errors.get(upstream, 0.003)
        if upstream in faults.dark or draw.random() < error:
            attempts, lost = 2, 0.05 * draw.random()
            others = [one for one in places if one != upstream and one not in faults.dark]
            # A breaker keeps most calls away from what is dark: most are not even tried there.
            if upstream in faults.dark:
                attempts = 2 if draw.random() < 0.15 else 1
            if not others or draw.random() < (0.02 if upstream in faults.dark else faults.visible):
                return self._record(at, model, upstream, key, 502, "upstream", "upstream_failed", "miss", attempts,
                                    0.2 + lost, 0.0, 0.0, 0.0, overhead, tokens_in, 0, 0)  # fmt: skip
            upstream = draw.choice(others)
        if draw.random() < 0.01:
            return self._record(at, model, "", key, 400, "caller", "invalid_request", "", 0, 0.001, 0.0, 0.0, 0.0,
                                overhead, 0, 0, 0)  # fmt: skip
        slow = weather[upstream] * faults.slow.get(upstream, 1.0)
        connecting = faults.connecting.get(upstream, 0.0) * draw.lognormvariate(0, 0.4)
        tokens_out = max(1, int(tokens_out * faults.short.get(upstream, 1.0)))
        first = (
            (self.first[upstream] + tokens_in / 9000) * slow * draw.lognormvariate(0, 0.35)
            + overhead
            + connecting
            + lost
        )
        gap = self.pace[upstream] * self.speed[model] * slow * faults.gap.get(model, 1.0) * draw.lognormvariate(0, 0.2)
        total = first + gap * max(0, tokens_out - 1)
        price_in, price_out = self.cost[upstream]
        times = faults.price.get(upstream, 1.0) * faults.price.get(model, 1.0)
        cost = int((tokens_in * price_in + tokens_out * price_out) * times)
        return self._record(at, model, upstream, key, 200, "", "", "miss", attempts, total, first, connecting,
                            0.0, overhead, tokens_in, tokens_out, cost)  # fmt: skip

    def _record(
        self, at: float, model: str, upstream: str, key: str, status: int, fault: str, error: str, cache: str,
        attempts: int, total: float, first: float, connecting: float, queued: float, overhead: float, tokens_in: int,
        tokens_out: int, cost: int,
    ) -> Record:  # fmt: skip
        return (
            at, str(self._number), "chat", model, upstream, key, "", status, "ok" if status == 200 else "error", fault,
            error, True, cache, "", "", attempts, 0, "", total, first, first, connecting, total - overhead, queued,
            overhead, tokens_in, tokens_out, 0, 0, 2000, 4000, cost, 0, None, None, None, True, None,
        )  # fmt: skip

    def _gauges(self, tide: float, faults: Faults) -> dict[str, float]:
        draw, many = self.draw, faults.flood[1]
        rare = draw.random() < 0.003
        found = {
            "cpu": min(1.0, 0.15 + 0.15 * (tide + many) + draw.random() * 0.05),
            "memory": min(0.99, (0.42 + 0.04 * tide) * self._memory.next()),
            "loop_lag": draw.lognormvariate(math.log(0.004), 0.5) + (draw.uniform(0.05, 0.4) if rare else 0.0),
            "collector_pause": draw.lognormvariate(math.log(0.006), 0.5) + (0.1 if draw.random() < 0.002 else 0.0),
            "descriptors": 0.08 + 0.04 * (tide + many) + draw.random() * 0.005,
            "in_flight": self._busy,
            "queued": float(poisson(draw, 0.3 + 3 * many)),
            "store_latency": draw.lognormvariate(math.log(0.003), 0.4) * (12 if draw.random() < 0.002 else 1),
            "disk_free": 0.6 + draw.gauss(0, 0.0003),
            "disk_latency": draw.lognormvariate(math.log(0.004), 0.5),
            "network": draw.lognormvariate(math.log(0.03), 0.12),
            "embedding": draw.lognormvariate(math.log(0.006), 0.2),
            "connections_waited": draw.lognormvariate(math.log(0.002), 0.5),
        }
        for name, factor in faults.factors.items():
            found[name] *= factor
        for name, value in faults.gauges.items():
            found[name] = value * draw.uniform(0.97, 1.03) if name != "disk_free" else value
        return found


def poisson(draw: random.Random, mean: float) -> int:
    """A number of calls."""
    if mean > 60:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    left, number = math.exp(-mean), 0
    chance = draw.random()
    while chance > left:
        number += 1
        chance *= draw.random()
    return number


def _lengths(draw: random.Random) -> list[tuple[int, int]]:
    """Prompt and answer tokens of calls."""
    path = TRACES / "AzureLLMInferenceTrace_conv.csv"
    if path.exists():
        with path.open() as file:
            rows = [(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(file)]
        return [(prompt, max(2, answer)) for prompt, answer in draw.sample(rows, 4000)]
    return [(int(draw.lognormvariate(6.5, 1.0)), max(2, int(draw.lognormvariate(5.0, 0.8)))) for _ in range(4000)]


def _rhythm(draw: random.Random) -> list[float]:
    """Load by ten minutes, over days: of the mean."""
    path = TRACES / "servegen_mid_10min.csv"
    if path.exists():
        with path.open() as file:
            found = [float(row["requests_per_second"]) for row in csv.DictReader(file)]
        usual = sum(found) / sum(one > 0 for one in found)
        good = [place for place, one in enumerate(found) if one > 0.65 * max(found[max(0, place - 3) : place + 4])]
        for place in range(len(found)):  # gaps in the record, whole and in part, are no silence
            if place not in good:
                before = max((one for one in good if one < place), default=good[0])
                after = min((one for one in good if one > place), default=good[-1])
                part = (place - before) / max(1, after - before)
                found[place] = found[before] + (found[after] - found[before]) * part
        begin = draw.randrange(0, 7) * 144
        return [min(2.5, max(0.3, one / usual)) for one in found[begin:] + found[:begin]]
    return [1 + 0.6 * math.sin(2 * math.pi * (step / 144 - 0.3)) for step in range(144)]

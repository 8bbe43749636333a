"""What comes to a pool, step by step: from a series of rates, from recorded calls, or made up. A seed decides all.

Between the values of a series the load goes on as it does between them: ``smooth`` is a straight line; ``rough`` bends
each by chance, in ever smaller halves, as much as the series itself moves from value to value (its own Hurst exponent),
so that nobody can tell the next minutes from a slope that no real load has. Arrivals are by chance (Poisson).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from penstock.scaling.forecast.past import Floats
from penstock.simulate.traces import Trace

PROMPT_TOKEN = 0.1
"""Of a token of an answer, as load is counted."""
USUAL_PROMPT, USUAL_ANSWER = 1155.0, 211.0
"""Tokens of a call where a series tells only rates: the mean of Azure's conversations."""
DAY = 86_400.0


@dataclass(frozen=True)
class Demand:
    """``load``: work a second in each step of ``step`` seconds; ``calls``: a second; ``prompt``, ``answer``: tokens."""

    name: str
    step: float
    load: Floats
    calls: Floats
    prompt: Floats
    answer: Floats

    @property
    def seconds(self) -> float:
        return self.step * len(self.load)

    def scaled(self, factor: float) -> Demand:
        """So many times as many calls."""
        return replace(self, load=self.load * factor, calls=self.calls * factor)


def work(prompt: float, answer: float) -> float:
    """Of one call."""
    return PROMPT_TOKEN * prompt + answer


def of_rates(
    name: str, values: Sequence[float | None], every: float, step: float, rng: np.random.Generator,
    texture: str = "rough", noise: bool = True,
) -> Demand:  # fmt: skip
    """From calls a second, ``every`` seconds apart; None, and zeros alone, are gaps: a line leads over them."""
    known = np.array([math.nan if one is None else one for one in values], float)
    holes = np.isnan(known) | ((known < 0.05 * np.nanmedian(known)) & (known > -1))
    places = np.flatnonzero(~holes)
    if len(places) < 2:
        raise ValueError("a series of load has two values at least that are not gaps")
    known = np.interp(np.arange(len(known)), places, known[places])
    fine = _refined(known, rng) if texture == "rough" else known
    spacing = every * (len(known) - 1) / (len(fine) - 1)
    at = np.arange(0.0, every * (len(known) - 1), step)
    rates = np.maximum(np.interp(at / spacing, np.arange(len(fine)), fine), 0.0)
    if noise:
        rates = rng.poisson(rates * step) / step
    return _plain(name, step, rates)


def _plain(name: str, step: float, rates: Floats) -> Demand:
    flat = np.ones(len(rates))
    return Demand(name, step, rates * work(USUAL_PROMPT, USUAL_ANSWER), rates, flat * USUAL_PROMPT, flat * USUAL_ANSWER)


def _refined(values: Floats, rng: np.random.Generator, halvings: int = 5) -> Floats:
    """Midpoints moved by chance, as much as the series' own moves say at that length."""
    logs = np.log(np.maximum(values, 1e-9))
    one, two = np.median(np.abs(np.diff(logs))), np.median(np.abs(logs[2:] - logs[:-2]))
    hurst = float(np.clip(np.log2(two / one), 0.2, 0.9)) if one > 0 and two > 0 else 0.5
    # Of a fractional walk with steps of spread s, a midpoint's spread is s / 2^H x sqrt(1 - 2^(2H - 2)). The median
    # of absolute steps is 0.6745 of their spread.
    spread = one / 0.6745
    for _ in range(halvings):
        spread /= 2**hurst
        middle = (logs[1:] + logs[:-1]) / 2
        middle += rng.normal(0.0, spread * math.sqrt(1 - 2 ** (2 * hurst - 2)), len(middle))
        both = np.empty(len(logs) + len(middle))
        both[::2], both[1::2] = logs, middle
        logs = both
    made: Floats = np.exp(logs)
    return made


def of_calls(trace: Trace, step: float) -> Demand:
    """Recorded calls, counted."""
    rows = trace.rows
    number = max(1, int(trace.seconds // step))
    at = np.minimum(((np.array([row.at for row in rows]) - rows[0].at) // step).astype(int), number - 1)
    prompts, answers = np.array([row.prompt for row in rows], float), np.array([row.output for row in rows], float)
    calls = np.bincount(at, minlength=number).astype(float)
    prompt, answer = np.bincount(at, prompts, number), np.bincount(at, answers, number)
    some = np.maximum(calls, 1)
    mean_prompt, mean_answer = prompts.mean(), answers.mean()
    return Demand(
        trace.name, step, work(prompt, answer) / step, calls / step,  # type: ignore[arg-type]
        np.where(calls > 0, prompt / some, mean_prompt), np.where(calls > 0, answer / some, mean_answer),
    )  # fmt: skip


SHAPES = ("daily", "weekly", "ramp", "spike", "steps", "walk", "flat")


def made(shape: str, mean: float, days: float, step: float, rng: np.random.Generator) -> Demand:
    """Calls a second of a kind: ``mean`` of them on average. Raises ValueError for a shape that is not known."""
    at = np.arange(0.0, days * DAY, step)
    day = 1 + 0.6 * np.sin(2 * np.pi * (at / DAY - 0.3))
    if shape == "daily":
        rates = day * np.exp(_drift(len(at), step, 0.05, rng))
    elif shape == "weekly":
        rates = day * np.where((at // DAY) % 7 < 5, 1.2, 0.5) * np.exp(_drift(len(at), step, 0.05, rng))
    elif shape == "ramp":
        rates = 0.2 + 1.6 * at / at[-1]
    elif shape == "spike":
        # Some a day, each at once and gone within some tens of minutes, at moments that nobody can know.
        rates = np.full(len(at), 0.9)
        for begin in rng.uniform(0, at[-1], max(1, round(3 * days))):
            height, lasts, since = rng.uniform(0.5, 2.0), rng.uniform(300, 2400), at - begin
            rates += np.where(since >= 0, height * np.exp(-np.maximum(since, 0.0) / lasts), 0.0)
    elif shape == "steps":
        # At the same minutes of each day: batch jobs, markets that open, lessons that begin.
        hour = (at % DAY) / 3600
        rates = np.where((hour >= 9) & (hour < 12), 2.0, np.where((hour >= 13) & (hour < 17), 1.6, 0.5))
    elif shape == "walk":
        rates = np.exp(_drift(len(at), step, 0.35, rng))
    elif shape == "flat":
        rates = np.ones(len(at))
    else:
        raise ValueError(f"shape {shape!r} is none of {', '.join(SHAPES)}")
    rates *= mean / rates.mean()
    return _plain(shape, step, rng.poisson(rates * step) / step)


def _drift(number: int, step: float, spread: float, rng: np.random.Generator, back: float = 7200.0) -> Floats:
    """A walk that comes back to 0 within ``back`` seconds, of standard deviation ``spread``."""
    keep = math.exp(-step / back)
    shocks = rng.normal(0.0, spread * math.sqrt(1 - keep * keep), number).tolist()
    value, out = 0.0, []
    for shock in shocks:
        value = keep * value + shock
        out.append(value)
    return np.array(out)

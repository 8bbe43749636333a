"""New traces out of given ones, and one out of nothing. Pure: randomness is passed in; equal seeds give equal traces.

``resample`` is a bootstrap by blocks of time (bursts and shared beginnings stay together); ``at_rate`` sets the mean
rate; ``longer`` makes answers longer; ``synthetic`` needs no file: conversations with shared system prompts.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from penstock.simulate.traces import Row, Trace

STRETCH_SECONDS = 120.0
_COPY = 1 << 40
"""Between the blocks of a call and those of its copy: a stretch that is drawn again must not find itself cached."""


def resample(trace: Trace, calls: int, rng: random.Random, seconds: float = STRETCH_SECONDS) -> Trace:
    """``calls`` calls out of stretches of ``seconds`` that begin anywhere, one after another in their order in time, so
    that what a later one shares with an earlier one stays shared."""
    rows = trace.rows
    times = [row.at for row in rows]
    room = max(0.0, trace.seconds - seconds)
    picked: list[tuple[int, int]] = []
    count = 0
    while count < calls:
        start = times[0] + rng.uniform(0.0, room)
        low, high = bisect_left(times, start), bisect_left(times, start + seconds)
        picked.append((low, high))
        count += high - low
    drawn: Counter[int] = Counter()
    made: list[Row] = []
    for place, (low, high) in enumerate(sorted(picked)):
        for number in range(low, high):
            row, copy = rows[number], drawn[number]
            drawn[number] += 1
            blocks = _apart(row.blocks, copy) if copy else row.blocks
            session = f"{row.session}/{copy}" if row.session else ""
            made.append(Row(place * seconds + row.at - times[low], row.prompt, row.output, blocks, session))
    return Trace(trace.name, made[:calls], trace.block)


def _apart(blocks: Sequence[int], copy: int) -> list[int]:
    # The very first block is the system prompt that nearly all calls share: it stays shared.
    return [block if place == 0 else block + copy * _COPY for place, block in enumerate(blocks)]


def at_rate(trace: Trace, rate: float) -> Trace:
    """The same calls at ``rate`` calls a second in the mean."""
    began = trace.rows[0].at
    factor = len(trace.rows) / rate / max(trace.seconds, 1e-9)
    return Trace(trace.name, [row._replace(at=(row.at - began) * factor) for row in trace.rows], trace.block)


def longer(trace: Trace, factor: float) -> Trace:
    """Answers ``factor`` times as long, as those of models that think first."""
    rows = [row._replace(output=max(1, round(row.output * factor))) for row in trace.rows]
    return Trace(trace.name, rows, trace.block)


def synthetic(calls: int, rng: random.Random, *, block: int = 512) -> Trace:
    """Conversations of some six turns over eight system prompts of 1,000 to 4,000 tokens; a turn adds some 300 tokens
    and is answered with some 200. Times are those of a Poisson process of one call a second."""
    systems = [(number + 1, rng.randrange(1000, 4000)) for number in range(8)]
    fresh = 1000
    rows: list[Row] = []
    talks: list[tuple[int, list[int], int]] = []
    at = 0.0
    for number in range(calls):
        at += rng.expovariate(1.0)
        if talks and rng.random() < 5 / 6:
            talk, blocks, tokens = talks.pop(rng.randrange(len(talks)))
        else:
            system, tokens = rng.choice(systems)
            talk, blocks = number, [system * 100 + place for place in range(tokens // block)]
        prompt = tokens + 1 + int(rng.expovariate(1 / 300))
        output = 1 + int(rng.expovariate(1 / 200))
        whole = list(blocks)
        while len(whole) * block < prompt:
            fresh += 1
            whole.append(fresh)
        rows.append(Row(at, prompt, output, whole, str(talk)))
        talks.append((talk, whole[: prompt // block], prompt + output))
        if len(talks) > 64:
            talks.pop(0)
    return Trace("synthetic", rows, block)

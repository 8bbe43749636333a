"""The table of ``bench/routing.py``: a verdict a cell on goodput and p90 of the time to first token. Pure.

``first``: better than every rival beyond chance; ``tied``: no rival is better beyond chance; else who is, and by how
much. Intervals are of 95 % over all rivals of a cell together.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from penstock.simulate.intervals import Interval, difference

OURS = "adaptive"
Samples = Mapping[str, Mapping[str, Sequence[float]]]
"""By "cell / seed" and policy: goodput, p90 in seconds, hit rate."""


class Verdict(NamedTuple):
    """``word``: first, tied, loses; ``rival``: the best of the others by its mean, and ours less that one's."""

    word: str
    rival: str
    gap: Interval
    ours: float
    theirs: float

    def __str__(self) -> str:
        who = f"loses to {self.rival}" if self.word == "loses" else f"{self.word} ({self.rival})"
        return f"{who} {self.gap}"


def verdict(rows: Sequence[Mapping[str, Sequence[float]]], measure: int, more_is_better: bool) -> Verdict:
    """How ours did over the seeds of one cell in ``measure`` (0: goodput, 1: p90)."""
    sign = 1.0 if more_is_better else -1.0
    series = {name: [row[name][measure] for row in rows] for name in rows[0]}
    ours = series.pop(OURS)
    gaps = {name: difference(ours, theirs, len(series)) for name, theirs in series.items()}
    better = {name: gap for name, gap in gaps.items() if (gap.below if more_is_better else gap.above)}
    pool = better or gaps
    rival = min(pool, key=lambda name: sign * pool[name].mean)
    beaten = all((gap.above if more_is_better else gap.below) for gap in gaps.values())
    word = "loses" if better else "first" if beaten else "tied"
    return Verdict(word, rival, gaps[rival], statistics.mean(ours), statistics.mean(series[rival]))


def page(cells: Sequence[str], samples: Samples, seeds: int) -> str:
    """The whole of ``routing.md``."""
    lines: list[str] = []
    counts: dict[str, Counter[str]] = {}
    for cell in cells:
        rows = [samples[f"{cell} / {seed}"] for seed in range(seeds)]
        good, late = verdict(rows, 0, True), verdict(rows, 1, False)
        hits = statistics.mean(row[OURS][2] for row in rows)
        hardware = cell.rpartition(" / ")[2]
        counts.setdefault(f"goodput, {hardware}", Counter())[good.word] += 1
        counts.setdefault(f"p90, {hardware}", Counter())[late.word] += 1
        lines.append(
            f"| {cell} | {good.ours:.3f} | {good.theirs:.3f} | {good} "
            f"| {late.ours:.2f} | {late.theirs:.2f} | {late} | {hits:.2f} |"
        )
    overall = [line for hardware in _hardware(cells) for line in _overall(hardware, cells, samples, seeds)]
    words = ("first", "tied", "loses")
    summary = [
        f"| {name} | " + " | ".join(str(count[word]) for word in words) + " |" for name, count in sorted(counts.items())
    ]
    return "\n".join(
        [*_HEAD, f"Paired seeds: {seeds}.", "", *_SUMMARY, *summary, "", *_OVERALL, *overall, "", *_CELLS, *lines, ""]
    )


def _hardware(cells: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(cell.rpartition(" / ")[2] for cell in cells))


def _overall(hardware: str, cells: Sequence[str], samples: Samples, seeds: int) -> list[str]:
    """A line for each rival: the mean over all cells with this ``hardware``, seed by seed."""
    those = [cell for cell in cells if cell.endswith(f" / {hardware}")]
    rivals = [name for name in samples[f"{those[0]} / 0"] if name != OURS]
    lines: list[str] = []
    for rival in rivals:
        good: list[float] = []
        late: list[float] = []
        for seed in range(seeds):
            rows = [samples[f"{cell} / {seed}"] for cell in those]
            good.append(statistics.mean([row[OURS][0] - row[rival][0] for row in rows]))
            late.append(statistics.mean([math.log(max(row[OURS][1], 1e-6) / max(row[rival][1], 1e-6)) for row in rows]))
        none = [0.0] * seeds
        gap, ratio = difference(good, none, len(rivals)), difference(late, none, len(rivals))
        word = "better" if gap.above else "worse" if gap.below else "chance"
        sooner = "better" if ratio.below else "worse" if ratio.above else "chance"
        factors = " to ".join(f"{math.exp(ratio.mean + side * ratio.half):.2f}" for side in (-1, 1))
        lines.append(f"| {hardware} | {rival} | {gap} | {word} | {math.exp(ratio.mean):.2f} ({factors}) | {sooner} |")
    return lines


_HEAD = [
    "# Routing policies on simulated fleets",
    "",
    "Made by `python -m bench.routing`. `adaptive` against ten other policies on the second halves of three traces;",
    "its constants were fitted on the first halves. Goodput: the share of all calls whose first token and mean gap met",
    "the goal (`simulate/measures.py`); calls that failed count as missed. p90: seconds to the first token. Beside",
    "ours stands the best rival by its mean (where we lose: of those that are better beyond chance), and ours less",
    "that rival's with an interval of 95 % over all rivals together. first: better than every rival beyond chance.",
    "tied: no rival is better beyond chance.",
    "",
]
_SUMMARY = ["| | first | tied | loses |", "|---|---:|---:|---:|"]
_OVERALL = [
    "Over all cells of a kind of hardware: goodput less the rival's, and p90 over the rival's (geometric mean).",
    "",
    "| hardware | rival | goodput | | p90 | |",
    "|---|---|---:|---|---:|---|",
]
_CELLS = [
    "| trace / bound / replicas / load / hardware | goodput | rival's | verdict | p90 s | rival's | verdict | cached |",
    "|---|---:|---:|---|---:|---:|---|---:|",
]

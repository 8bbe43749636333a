"""What a comparison says, as rows for a table in the terminal. Pure: measures in, text out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import fields

from penstock.simulate.intervals import Interval, difference
from penstock.simulate.measures import Measures

COLUMNS = (
    "policy", "good", "failed", "first p50", "p90", "p99", "whole p50", "p90", "p99", "gap p50", "p90", "cached",
    "uneven", "goodput against the first row",
)  # fmt: skip


def means(measures: Sequence[Measures]) -> dict[str, float]:
    """Each measure's mean over the seeds."""
    return {name: statistics.fmean([getattr(one, name) for one in measures]) for name in _NAMES}


_NAMES = tuple([field.name for field in fields(Measures)])


def against(told: Mapping[str, Sequence[Measures]], policy: str, other: str, measure: str = "goodput") -> Interval:
    """``policy`` less ``other``, paired by seed."""
    ours, theirs = ([getattr(one, measure) for one in told[name]] for name in (policy, other))
    return difference(ours, theirs, max(1, len(told) - 1))


def ordered(told: Mapping[str, Sequence[Measures]]) -> list[str]:
    """The policies, best first: by goodput, then by p90 of the first token."""
    mean = {policy: means(measures) for policy, measures in told.items()}
    return sorted(mean, key=lambda policy: (-mean[policy]["goodput"], mean[policy]["first_p90"]))


def text(told: Mapping[str, Sequence[Measures]]) -> str:
    """A table, best policy first. Seconds, but for gaps (ms)."""
    order = ordered(told)
    rows = [list(COLUMNS)]
    for policy in order:
        mean = means(told[policy])
        gap = against(told, policy, order[0])
        rows.append(
            [
                policy,
                f"{mean['goodput']:.1%}",
                f"{mean['failed']:.1%}",
                *[f"{mean[name]:.2f}" for name in ("first_p50", "first_p90", "first_p99")],
                *[f"{mean[name]:.1f}" for name in ("total_p50", "total_p90", "total_p99")],
                *[f"{mean[name] * 1000:.0f}" for name in ("gap_p50", "gap_p90")],
                f"{mean['hit_rate']:.0%}",
                f"{mean['imbalance']:.2f}",
                "" if policy == order[0] else _said(gap),
            ]
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    return "\n".join([_line(row, widths) for row in rows])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *[cell.rjust(width) for cell, width in others]]).rstrip()


def _said(gap: Interval) -> str:
    if not gap.half < 1.0:  # of a few seeds nothing can be said
        return f"{gap.mean:+.1%}"
    return f"{gap.mean:+.1%} ± {gap.half:.1%}" + ("" if gap.above or gap.below else ", may be chance")

"""What a contest says, as tables for the terminal and as JSON. Pure: points in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.simulate.scaling.contest import ENTRANTS, OURS, Point
from penstock.simulate.scaling.curves import LEVELS, best_reactive, by_policy, front, hours_at, saving

_HEAD = ("policy", "setting", "violated", "late", "gone", "cut", "hours", "of ideal", "starting", "draining", "starts")


def text(points: Sequence[Point], ideal: float) -> str:
    """``ideal``: hours of replicas that are always full. The settings of each policy that no other of its own beats,
    then hours at equal violations."""
    rows = [list(_HEAD)]
    for name, its in by_policy(points).items():
        rows += [_row(name, one, ideal) for one in front(its)]
    return _table(rows) + "\n\n" + _table(_equal(points, ideal))


def _row(name: str, one: Point, ideal: float) -> list[str]:
    tally = one.tally
    calls = tally.calls or 1.0
    shares = (one.violations, tally.late / calls, tally.gone / calls, tally.cut / calls)
    return [
        name, f"{one.setting:g}", *[f"{share:.3%}" for share in shares], f"{one.hours:.1f}",
        f"{one.hours / ideal:.3f}" if ideal else "-", f"{tally.starting / (tally.paid or 1):.1%}",
        f"{tally.draining / (tally.paid or 1):.1%}", str(tally.starts),
    ]  # fmt: skip


def _equal(points: Sequence[Point], ideal: float) -> list[list[str]]:
    named = by_policy(points)
    rows = [["hours, of ideal, at violations of", *[f"{level:.2%}" for level in LEVELS]]]
    for name, its in named.items():
        found = [hours_at(its, level) for level in LEVELS]
        rows.append([name, *["-" if one is None or not ideal else f"{one / ideal:.3f}" for one in found]])
    best = [best_reactive(points, level) for level in LEVELS]
    rows.append(["best reactive", *["-" if one is None else one[0] for one in best]])
    if OURS in named:
        saved = [saving(points, level) for level in LEVELS]
        rows.append(["ours against it", *["-" if one is None else f"{-one:+.1%}" for one in saved]])
    if "oracle" in named:
        saved = [saving(points, level, "oracle") for level in LEVELS]
        rows.append(["who knows all", *["-" if one is None else f"{-one:+.1%}" for one in saved]])
    return rows


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *[cell.rjust(wide) for cell, wide in zip(row[1:], widths[1:], strict=True)]]
        )
        for row in rows
    )


def plain(points: Sequence[Point], ideal: float) -> dict[str, Any]:
    """The same for programs."""
    return {
        "ideal_hours": ideal,
        "policies": {
            name: {"reactive": ENTRANTS[name].reactive, "points": [_plain(one) for one in its]}
            for name, its in by_policy(points).items()
        },
        "equal": [
            {"violations": level, "best_reactive": None if (best := best_reactive(points, level)) is None else best[0],
             "hours": None if best is None else best[1], "saved": saving(points, level),
             "saved_by_oracle": saving(points, level, "oracle")}
            for level in LEVELS
        ],
    }  # fmt: skip


def _plain(one: Point) -> dict[str, float]:
    tally = one.tally
    return {
        "setting": one.setting, "violations": one.violations, "hours": one.hours, "calls": tally.calls,
        "late": tally.late, "gone": tally.gone, "cut": tally.cut, "moved": tally.moved, "held": tally.held,
        "starting_hours": tally.starting / 3600, "draining_hours": tally.draining / 3600, "starts": tally.starts,
        "most": tally.most,
    }  # fmt: skip

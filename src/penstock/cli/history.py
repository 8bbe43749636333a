"""``penstock history``: what a running gateway did over time, as lines of blocks, CSV or JSON.

Enters: measures, of what, from when to when. Leaves: a line a series and measure, or rows. May fail: Failure, 1 where
no gateway runs or it keeps no history, 2 for a wrong question.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import sys
from typing import Any

from penstock.cli.caller import shown
from penstock.cli.journal import table
from penstock.cli.options import parser, print_json
from penstock.cli.parts import add_anywhere, ask_part

WIDTH = 60
_BLOCKS = "▁▂▃▄▅▆▇█"
_ASKED = ("since", "until", "step", "model", "upstream", "operation", "by", "dimension", "top", "measures")
Points = list[float | None]


def main(arguments: list[str]) -> int:
    """Ask, and show."""
    options = _parser().parse_args(arguments)
    asked = {name: str(value) for name in _ASKED if (value := getattr(options, name)) is not None}
    for name in ("since", "until"):
        if asked.get(name, "")[-1:] in ("s", "m", "h", "d"):  # a duration: so long ago
            asked[name] = "-" + asked[name].lstrip("-")
    answer = ask_part(options, "history", asked)
    if options.json:
        print_json(answer)
    elif options.csv:
        _write(answer)
    else:
        _draw(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "history",
        "Show what the running gateway did over time. A measure that there is not is answered with all there are.",
        "Exit status: 0 done, 1 no gateway answers, or it keeps no history, 2 wrong use.",
    )
    wants.add_argument("--measures", metavar="A,B", help="such as ttft_p95,calls_per_second,error_share,cost_per_hour")
    wants.add_argument("--since", metavar="TIME", help="so long ago (6h), or a time such as 2027-01-15T08:00:00Z")
    wants.add_argument("--until", metavar="TIME", help="the same (now)")
    wants.add_argument("--step", metavar="TIME", help="such as 1m or 1h (what makes at most 500 points)")
    for name in ("model", "upstream", "operation"):
        wants.add_argument(f"--{name}", metavar="NAME", help=f"only calls of this {name}")
    wants.add_argument("--by", choices=("model", "upstream", "operation"), help="a series each")
    wants.add_argument("--dimension", metavar="NAME", help="a series a value: key, tag, prompt, error, cache, room")
    wants.add_argument("--top", type=int, metavar="N", help="so many series (20)")
    wants.add_argument("--csv", action="store_true", help="a row a series and step")
    add_anywhere(wants)
    return wants


def _draw(answer: dict[str, Any]) -> None:
    units = {name: one["unit"] for name, one in answer["measures"].items()}
    rows: list[tuple[str, ...]] = [(answer["by"] or "calls", "measure", "unit", "least", "most", "last", "")]
    for series in answer["series"]:
        for measure, points in series["points"].items():
            there = [point for point in points if point is not None]
            numbers = (min(there), max(there), there[-1]) if there else ("-", "-", "-")
            name = shown(series["name"]) if series["name"] else "all" if not answer["by"] else "-"
            rows.append((name, measure, units[measure], *(_short(number) for number in numbers), spark(points)))
    print("\n".join(table(rows)))
    begin, end = (_moment(answer[name]) for name in ("since", "until"))
    print(f"\n{begin} to {end}, steps of {answer['step']:.0f} s")
    if answer["left_out"]:
        print(f"{answer['left_out']} more series are not shown (--top)")


def spark(points: Points, width: int = WIDTH) -> str:
    """The points as a line of blocks at most so wide, from nought up; a gap is a gap, several points their mean."""
    each = max(1, -(-len(points) // width))
    means: Points = []
    for at in range(0, len(points), each):
        there = [point for point in points[at : at + each] if point is not None]
        means.append(sum(there) / len(there) if there else None)
    most = max((mean for mean in means if mean is not None), default=0.0)
    return "".join(
        " " if mean is None else _BLOCKS[min(7, int(8 * mean / most)) if most > 0 and mean > 0 else 0] for mean in means
    )


def _write(answer: dict[str, Any]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    names = list(answer["measures"])
    rows.writerow(["time", answer["by"] or "series", *names])
    for series in answer["series"]:
        for at, moment in enumerate(answer["times"]):
            points = (series["points"][name][at] for name in names)
            rows.writerow([_moment(moment), _plain(series["name"]), *("" if one is None else one for one in points)])


def _plain(name: str) -> str:
    """A spreadsheet must not take it for a formula, nor a terminal obey it."""
    name = "".join(sign if sign.isprintable() else " " for sign in name)
    return f"'{name}" if name.lstrip()[:1] in ("=", "+", "-", "@") else name


def _moment(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(number: float | str) -> str:
    return number if isinstance(number, str) else f"{number:.4g}"

"""``penstock journal``: the last calls of a running gateway, or all that it remembers gathered by model, key, session.

Enters: what the calls must be. Leaves: a table, or JSON. May fail: Failure, 1 where no gateway runs or it keeps no
journal, 2 for a wrong question. Text that callers chose is shown without its control characters.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

from penstock.cli.asking import ask_running, refused
from penstock.cli.caller import shown
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.moments import printed
from penstock.cli.options import parser, print_json
from penstock.cli.parts import add_anywhere, fetch
from penstock.core.units import parse_duration
from penstock.journal.summary import FIELDS, Summary

PAGE = 1000
_MATCHED = ("model", "key", "scope", "upstream", "outcome", "cache", "operation", "session", "error")
_COLUMNS = ("ended", "key", "model", "upstream", "status", "cache", "ms", "first ms", "in", "out", "t/s", "error")
_GROUPED = (
    "calls", "failed", "hits", "ms", "first ms", "network", "queue", "gateway", "prefill", "upstream", "in", "out",
    "t/s",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Ask, and show."""
    options = _parser().parse_args(arguments)
    asked: dict[str, Any] = {name: value for name in _MATCHED if (value := getattr(options, name)) is not None}
    if options.failed:
        asked["failed"] = "true"
    if options.since is not None:
        asked["since"] = _since(options.since)
    if options.by is not None:
        return _gathered(options, asked)
    answer = _ask(options, asked | {"last": options.last, "bodies": "true" if options.bodies else "false"})
    if options.json:
        print_json(answer["rows"])
        return 0
    rows = [_COLUMNS, *(_cells(row) for row in answer["rows"])]
    if any(row["score"] is not None for row in answer["rows"]):
        scores = ["score", *("-" if row["score"] is None else f"{row['score']:g}" for row in answer["rows"])]
        rows = [(*cells[:-1], score, cells[-1]) for cells, score in zip(rows, scores, strict=True)]
    print("\n".join(table(rows)))
    _tell_unread(answer["unread"])
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "journal",
        "Show the last calls of the running gateway, as its journal keeps them, or all of them gathered by a field.",
        "Exit status: 0 done, 1 no gateway answers, or it keeps no journal, 2 wrong use.",
    )
    wants.add_argument("--last", type=int, default=20, metavar="N", help="so many, up to 1000 (20)")
    for name in _MATCHED:
        wants.add_argument(f"--{name}", metavar="VALUE", help=f"only calls with this {name}")
    wants.add_argument("--failed", action="store_true", help="only calls that did not end well")
    wants.add_argument("--since", metavar="TIME", help="only calls of this time, such as 2h")
    wants.add_argument("--by", choices=FIELDS, help="gather all calls by this field")
    wants.add_argument("--bodies", action="store_true", help="with what was asked (--json), where that is kept")
    add_anywhere(wants)
    return wants


def _since(text: str) -> int:
    try:
        return max(0, int(time.time() - parse_duration(text)))
    except ValueError as error:
        raise Failure(f"penstock journal: --since: {error}", WRONG_CONFIG) from None


def _ask(options: argparse.Namespace, question: dict[str, Any]) -> dict[str, Any]:
    ask = fetch if options.url else ask_running
    answer: dict[str, Any] = ask(options, "journal", question)
    failure = refused(answer)
    if failure is not None:
        raise failure
    if not answer["enabled"]:
        raise Failure("this gateway keeps no journal. Set journal.enabled: true in its config")
    return answer


def _pages(options: argparse.Namespace, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        page = _ask(options, asked | {"after": after, "limit": PAGE})
        yield page
        after = page["next"]
        if not after:
            return


def _gathered(options: argparse.Namespace, asked: dict[str, Any]) -> int:
    summary = Summary(options.by)
    unread = 0
    for page in _pages(options, asked):
        unread += page["unread"]
        for row in page["rows"]:
            summary.add(row)
    groups = [group.told() for group in summary.groups()]
    if options.json:
        print_json(groups)
        return 0
    rows = [(options.by, *_GROUPED), *(_group_cells(group) for group in groups)]
    print("\n".join(table(rows)))
    _tell_unread(unread)
    return 0


def _tell_unread(unread: int) -> None:
    if unread:
        print(f"\n{unread} rows could not be read: they are damaged, or a newer Penstock wrote them otherwise")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the cells of a column below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        printed(row["ended"]), shown(row["key"], 20), shown(row["answered"] or row["model"], 24),
        shown(row["upstream"], 20) or "-", str(row["status"]) if row["outcome"] != "left" else "left",
        row["cache"] or "-", _ms(row["total_seconds"]), _ms(row["first_byte_seconds"]), str(row["tokens_in"]),
        str(row["tokens_out"]), _rate(row["tokens_per_second"]), shown(row["error"], 40) or "-",
    )  # fmt: skip


def _group_cells(group: dict[str, Any]) -> tuple[str, ...]:
    hits = "-" if group["hit_rate"] is None else f"{group['hit_rate']:.0%}"
    times = ("total", "first_byte", "network", "queue", "overhead", "prefill", "upstream")
    return (
        shown(group["name"], 32) or "-", str(group["calls"]), str(group["errors"]), hits,
        *(_ms(group[f"{name}_seconds"]) for name in times),
        str(group["tokens_in"]), str(group["tokens_out"]), _rate(group["tokens_per_second"]),
    )  # fmt: skip


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1f}"

"""``penstock cost``, and what ``penstock report --cost`` shows: what was spent and spared, and what the month will be.

Enters: how to gather it, and from when on. Leaves: a table, JSON or CSV. May fail: Failure, 1 where no gateway runs or
it keeps no ledger, 2 for a wrong question. Text that callers chose is shown without its control characters.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from penstock.cli.caller import shown
from penstock.cli.journal import table
from penstock.cli.options import parser, print_json
from penstock.cli.parts import add_anywhere, ask_part
from penstock.core.units import MICRO
from penstock.cost.answering import BY, DEFAULT_SINCE, NAMED, as_csv

_COLUMNS = ("calls", "in", "cached", "out", "cost $", "saved $", "by")


def main(arguments: list[str]) -> int:
    """Ask, and show."""
    wants = parser(
        "cost",
        "Show what calls of the running gateway cost and what was spared, and what the month will come to.",
        "Exit status: 0 done, 1 no gateway answers, or it keeps no ledger, 2 wrong use.",
    )
    add_options(wants)
    add_anywhere(wants)
    return cost_report(wants.parse_args(arguments))


def add_options(to: argparse.ArgumentParser) -> None:
    """What is asked."""
    to.add_argument("--by", choices=BY, default="model", help="gather it by this (model)")
    since = f"from then on: 7d, 2026-11-01 ({DEFAULT_SINCE})"
    to.add_argument("--since", metavar="TIME", default=DEFAULT_SINCE, help=since)
    to.add_argument("--until", metavar="TIME", help="until then (now)")
    for name in NAMED:
        to.add_argument(f"--{name}", metavar="VALUE", help=f"only calls of this {name}")
    to.add_argument("--csv", action="store_true", help="print CSV, for spreadsheets")


def cost_report(options: argparse.Namespace) -> int:
    """Ask what ``options`` (of ``add_options`` and ``add_anywhere``) say, and print it."""
    told = ask_cost(options)
    if options.json:
        print_json(told)
    elif options.csv:
        print(as_csv(told), end="")
    else:
        print("\n".join(lines(told)))
    return 0


def ask_cost(options: argparse.Namespace) -> dict[str, Any]:
    """The answer of the ledger. Raises Failure."""
    question = {name: value for name in ("by", "since", "until", *NAMED) if (value := getattr(options, name))}
    return ask_part(options, "cost", question)


def lines(told: Mapping[str, Any]) -> list[str]:
    """For a terminal."""
    made = [(told["by"], *_COLUMNS), *(_cells(row) for row in told["rows"])]
    made.append(_cells({**told["total"], "name": "in all"}))
    text = table(made)
    if told["more"]:
        text.append(f"{told['more']} more rows")
    text += [
        f"idle: {shown(name, 40)} {dollars(cost)} $ for time without a call" for name, cost in told["idle"].items()
    ]
    total = told["total"]
    if total["estimated"]:
        text.append(f"{dollars(total['estimated'])} $ of it is estimated: nobody says what those models cost")
    if total["unpriced"]:
        text.append(f"{total['unpriced']} calls count as free: nobody says what they cost (cost.prices)")
    forecast = told.get("forecast")
    if forecast is not None:
        text += ["", *_month(forecast)]
    return text


def _month(forecast: Mapping[str, Any]) -> list[str]:
    if "problem" in forecast:
        return [forecast["problem"]]
    low, high, days = dollars(forecast["low"]), dollars(forecast["high"]), forecast["days"]
    return [
        f"{forecast['month']}: {dollars(forecast['spent'])} $ so far, {dollars(forecast['expected'])} $ expected"
        f" ({low} to {high}, from {days} days)"
    ]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    saved = row["saved"]
    ways = ", ".join(f"{how} {dollars(amount)}" for how, amount in saved.items() if amount)
    return (
        shown(row["name"], 40) or "-", str(row["calls"]), str(row["tokens_in"]), str(row["tokens_cached"]),
        str(row["tokens_out"]), dollars(row["cost"]), dollars(sum(saved.values())), ways or "-",
    )  # fmt: skip


def dollars(amount: int) -> str:
    """With cents; smaller amounts with as many digits as they need."""
    value = amount / MICRO
    return f"{value:,.2f}" if not amount or value >= 1 else f"{value:.6f}".rstrip("0")

"""``penstock report``: how it went, against the time before; what holds calls up, and what to do about it.

Enters: a span of time. Leaves: text for a terminal, JSON, or one HTML file. May fail: Failure, 2 for a wrong question,
1 where no gateway answers or the file cannot be written. With ``--cost`` the bill, by key and model.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import parser, print_json
from penstock.cli.paint import Paint, wants_colour
from penstock.cli.parts import add_anywhere, ask_part

COST = "penstock.cli.report_cost"


def main(arguments: list[str]) -> int:
    """Ask, and show."""
    if "--cost" in arguments:
        return _cost([one for one in arguments if one != "--cost"])
    wants = parser(
        "report",
        "Tell how it went: calls, errors, times, money, trends, objectives, bottlenecks, what to change.",
        "Exit status: 0 done, 1 no gateway answers or the file cannot be written, 2 wrong use.",
    )
    wants.add_argument("--since", default="24h", metavar="TIME", help="how far back, such as 1h or 7d (24h)")
    wants.add_argument("--html", metavar="FILE", help="write it as one HTML file instead; - writes it here")
    wants.add_argument("--cost", action="store_true", help="tell the bill instead; see penstock report --cost --help")
    add_anywhere(wants)
    options = wants.parse_args(arguments)
    if options.json and options.html:
        raise Failure("penstock report: --json or --html, not both", WRONG_CONFIG)
    report = ask_part(options, "report", {"since": options.since})
    if options.json:
        print_json(report)
    elif options.html:
        from penstock.cli.report_page import page

        _write(options.html, page(report))
    else:
        from penstock.cli.report_text import lines

        print("\n".join(lines(report, Paint(wants_colour(sys.stdout.isatty(), os.environ)))))
    return 0


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"penstock report: {path} cannot be written: {error.strerror or error}") from None
    print(f"{path} is written")


def _cost(arguments: list[str]) -> int:
    if importlib.util.find_spec(COST) is None:
        raise Failure("penstock report: this installation cannot tell cost")
    told: int = importlib.import_module(COST).main(arguments)
    return told

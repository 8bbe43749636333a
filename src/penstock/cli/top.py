"""``penstock top``: how a running gateway is, live in the terminal.

Enters: which gateway, how often. Leaves: pictures until q or Ctrl-C, or one with ``--once`` or ``--json``; what is no
terminal is given one. May fail: Failure, 1 where no gateway answers; once it runs, that is shown and tried again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import Any

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.glance import glance
from penstock.cli.options import parser, print_json
from penstock.cli.paint import Paint, cut, wants_colour
from penstock.cli.parts import add_anywhere, ask_part, ask_status
from penstock.cli.top_frame import ORDERS, frame
from penstock.core.units import parse_duration

MOST_LINES = 1000
LEAST_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """Ask, and draw."""
    wants = parser(
        "top",
        "Show how the running gateway is: whether it serves, whose fault errors are, times by model, upstreams and\n"
        "when those that are out of use return, cache, spend, what is wrong.",
        "Keys: q quits, s sorts models by the next column.\nExit status: 0 done, 1 no gateway answers, 2 wrong use.",
    )
    wants.add_argument("--once", action="store_true", help="print it once; so it does where this is no terminal")
    wants.add_argument("--every", default="2s", metavar="TIME", help="how often it is drawn anew (2s)")
    wants.add_argument("--sort", choices=ORDERS, default=ORDERS[0], help="by what models are sorted first (calls)")
    add_anywhere(wants)
    options = wants.parse_args(arguments)
    every = _every(options.every)
    if options.json:
        print_json(_now(options))
        return 0
    paint = Paint(wants_colour(sys.stdout.isatty(), os.environ))
    if options.once or not (sys.stdout.isatty() and sys.stdin.isatty()):
        print("\n".join(frame(_now(options), shutil.get_terminal_size().columns, MOST_LINES, options.sort, paint)))
        return 0
    return _live(options, every, paint)


def _every(text: str) -> float:
    try:
        return max(LEAST_SECONDS, parse_duration(text))
    except ValueError as error:
        raise Failure(f"penstock top: --every: {error}", WRONG_CONFIG) from None


def _now(options: argparse.Namespace) -> dict[str, Any]:
    """Raises Failure where no gateway answers; one that judges nothing is shown as far as it is known."""
    status = ask_status(options)
    try:
        seen = ask_part(options, "report", {"view": "now"})
    except Failure as failure:
        seen = {"absent": {str(failure): ""}}
    return glance(status, seen)


def _live(options: argparse.Namespace, every: float, paint: Paint) -> int:
    from penstock.cli.screen import Screen

    now = _now(options)  # what is wrong at once is told as commands do
    order = options.sort
    with Screen(sys.stdin.fileno(), sys.stdout.fileno()) as screen:
        missing = ""
        while True:
            width, height = screen.size
            lines = frame(now, width, height - 1, order, paint)
            lines += [""] * (height - 1 - len(lines))
            foot = cut(missing, width - 1) if missing else f"q quits   s sorts (by {order})   every {every:g} s"
            screen.draw([*lines, paint(foot, "red" if missing else "dim")])
            pressed = screen.keys(every)
            if pressed in ("q", "Q", "\x03", "\x04"):
                return 0
            if pressed in ("s", "S"):
                order = ORDERS[(ORDERS.index(order) + 1) % len(ORDERS)]
                continue
            try:
                now, missing = _now(options), ""
            except Failure as failure:
                missing = str(failure)

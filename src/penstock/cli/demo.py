"""``penstock demo``: the whole story on one machine, told in the terminal while it happens.

Enters: which scenes, and whether in short. Leaves: what was claimed beside what was measured; exit status 1 when a
scene did not show what it claims, 130 after Ctrl-C. Nothing is left running. May fail: Failure.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time

from penstock.cli.failure import Failure
from penstock.cli.options import parser
from penstock.cli.paint import Paint, wants_colour
from penstock.demo.programme import SCENES, VIRTUAL, play, scene
from penstock.demo.telling import Teller
from penstock.demo.theatre import Theatre, TheatreError

_EPILOG = """\
  penstock demo                    the whole tour: one to two minutes
  penstock demo --fast             the same in short
  penstock demo --scene rescue     one scene; may be repeated
"""


def main(arguments: list[str]) -> int:
    """Play it."""
    options = _options().parse_args(arguments)
    if options.list:
        for name in SCENES:
            print(f"{name:<10} {scene(name).TITLE}")
        return 0
    names = list(dict.fromkeys(options.scene or SCENES))
    colour = not options.no_color and wants_colour(sys.stdout.isatty(), os.environ)
    paint = Paint(colour)
    tell = Teller(lambda line: print(line, flush=True), paint)
    began = time.monotonic()
    try:
        held = asyncio.run(_tour(names, tell, options.fast, options.port))
    except TheatreError as error:
        raise Failure(f"penstock demo: {error}") from None
    wrong = [name for name, well in held.items() if not well]
    print(
        f"\n{len(held) - len(wrong)} of {len(held)} scenes showed what they claim, in {time.monotonic() - began:.0f} s"
    )
    if wrong:
        print(f"not shown: {', '.join(wrong)}")
    return 1 if wrong else 0


def _options() -> argparse.ArgumentParser:
    wants = parser("demo", "Play a tour of the gateway on this machine, with small model servers of its own.", _EPILOG)
    wants.add_argument("--scene", action="append", choices=SCENES, metavar="NAME", help=", ".join(SCENES))
    wants.add_argument("--fast", action="store_true", help="shorter scenes")
    wants.add_argument("--port", type=int, default=0, help="of the gateway (any free one)")
    wants.add_argument("--no-color", action="store_true", help="plain text")
    wants.add_argument("--list", action="store_true", help="name the scenes, and end")
    return wants


async def _tour(names: list[str], tell: Teller, fast: bool, port: int) -> dict[str, bool]:
    stage = Theatre(fast, port)
    try:
        if any(name not in VIRTUAL for name in names):
            await stage.open()
        return await play(names, stage, tell)
    finally:
        await stage.close()

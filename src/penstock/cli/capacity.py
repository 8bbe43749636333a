"""``penstock capacity``: how large things should be, by what the running gateway has measured; and making pools so.

Enters: which gateway; with ``--apply`` which pool, and a size. Leaves: advice with its reasons or what was done, or
JSON. May fail: Failure, 1 where none answers or a pool could not be resized, 2 for a size that cannot be.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from penstock.cli.caller import shown
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import parser, print_json
from penstock.cli.parts import add_anywhere, ask_part
from penstock.scaling.size import in_words

MOST_CHARACTERS = 300
MIB = 2**20
SIGNS = {"keep": "=", "more": "+", "less": "-"}
BY = {
    "pool": "the pool does so by itself",
    "apply": "penstock capacity --apply does it",
    "reload": "change the config, then penstock reload",
    "restart": "change the config, then restart",
    "person": "nothing here can do it",
}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    question = _question(options)
    answer = ask_part(options, "capacity", question)
    if options.json:
        print_json(answer)
    else:
        print("\n".join(done(answer) if question else lines(answer)))
    return 1 if any("problems" in row for row in answer.get("pools", {}).values()) else 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "capacity",
        "Say how large things should be: workers and memory of the gateway, slots and context of engines, replicas.\n"
        "With --apply: make the replicas of pools so, where their 'vertical' in the config lets that be.",
        "It rests on what was measured in the last day. Without --apply nothing is changed.",
    )
    wants.add_argument("--apply", action="store_true", help="resize the replicas of pools as is advised")
    wants.add_argument("--dry-run", action="store_true", help="with --apply: say what would be done and why, no more")
    wants.add_argument("--pool", metavar="POOL", help="with --apply: this one alone")
    wants.add_argument(
        "--size", action="append", metavar="WHAT=VALUE",
        help="with --apply: this instead of what is advised: memory=8GiB, cpu=4, slots=8, context=8192, threads=4",
    )  # fmt: skip
    add_anywhere(wants)
    return wants


def _question(options: argparse.Namespace) -> dict[str, Any]:
    if not options.apply:
        for name in ("dry_run", "pool", "size"):
            if getattr(options, name):
                raise Failure(f"--{name.replace('_', '-')} goes with --apply", WRONG_CONFIG)
        return {}
    body: dict[str, Any] = {"dry_run": options.dry_run} | ({"pool": options.pool} if options.pool else {})
    for word in options.size or ():
        name, sign, value = word.partition("=")
        if not sign:
            raise Failure(f"--size {shown(word, 60)}: it is WHAT=VALUE, such as memory=8GiB", WRONG_CONFIG)
        body.setdefault("size", {})[name] = value
    return {"do": "apply", "body": json.dumps(body), "by": "the command line", "trusted": True}


def done(answer: dict[str, Any]) -> list[str]:
    """What became of each pool, for people."""
    if not answer["pools"]:
        return ["No pool has to be resized: 'penstock capacity' tells all advice, and why."]
    out = []
    for name, row in answer["pools"].items():
        out += [shown(line, MOST_CHARACTERS) for line in row.get("problems", ())]
        if "size" not in row:
            continue
        before, size = (in_words(row[name]) or "unknown" for name in ("before", "size"))
        now = f"pool {shown(name, 60)}: {before} -> {size}" if before != size else f"pool {name}: {size} already"
        out.append(now + (" (nothing is changed: a dry run)" if row["dry_run"] else ""))
        out.append(f"    {shown(row['why'], MOST_CHARACTERS)}")
    return out


def lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people: what should change first."""
    advice = sorted(answer["advice"], key=lambda one: one["does"] == "keep")
    if not advice:
        return ["Nothing was measured yet that anything could be sized by."]
    out = [f"By what was measured in {answer['hours']:g} hours (the last 24 at most):", ""]
    for one in advice:
        changes = one["does"] != "keep"
        now, wanted = _amount(one["now"], one["unit"]), _amount(one["wanted"], one["unit"])
        size = f"{now} -> {wanted}" if changes else f"{now} is right"
        out.append(f"{SIGNS[one['does']]} {shown(one['of'], 60)}: {size}")
        out.append(f"    {shown(one['reason'], MOST_CHARACTERS)}")
        if one["by"] == "apply" and changes and one["setting"]:
            out.append(f"    {BY['apply']}; so that it lasts: {shown(one['setting'], 200)}")
        elif changes:
            out.append(f"    {BY[one['by']]}" + (f": {shown(one['setting'], 200)}" if one["setting"] else ""))
    return out


def _amount(value: float, unit: str) -> str:
    return f"{value / MIB:.0f} MiB" if unit == "bytes" else f"{value:g} {unit}"

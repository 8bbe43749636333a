"""``penstock optimizer``: what the optimizer of a running gateway proposes, tries and has kept.

Enters: a verb, and a proposal, a key or an experiment. Leaves: tables, or JSON. May fail: Failure, status 2 with the
gateway's own words where it refused, 1 where none runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.cli.options import parser, print_json, with_verb
from penstock.cli.parts import add_anywhere, ask_part

VERBS = {
    "list": "show what is proposed, what runs, and what came of what was tried",
    "apply": "try a proposal, or a setting with a value, as an experiment",
    "revert": "take an experiment back, or whatever was changed of a setting",
}
PART = "experiments"


def main(arguments: list[str]) -> int:
    """Ask."""
    options = _parser().parse_args(with_verb(arguments, "list"))
    answer = ask_part(options, PART, _question(options))
    if options.json:
        print_json(answer)
    elif options.verb == "apply":
        print(
            f"experiment {answer['experiment']} has begun; 'penstock optimizer revert {answer['experiment']}' ends it"
        )
    elif options.verb == "revert":
        print(f"taken back: {', '.join(answer['reverted'])}")
    else:
        print("\n".join(lines(answer)))
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "optimizer",
        "Show what the optimizer of the running gateway proposes and tries, have it try something, or take it back.\n"
        "Settings that are tried or kept are gone when the gateway ends: the config file stays the truth.",
        "Exit status: 0 done, 2 refused, 1 no gateway answers.",
    )
    verbs = wants.add_subparsers(dest="verb", metavar=" | ".join(VERBS), required=True)
    for verb, says in VERBS.items():
        one = verbs.add_parser(verb, help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False)
        if verb == "list":
            one.add_argument("--last", type=int, default=20, metavar="N", help="experiments that are over (20)")
        if verb == "apply":
            one.add_argument("what", metavar="PROPOSAL", help="as 'penstock optimizer list' shows it, or a key")
            one.add_argument("value", nargs="?", metavar="VALUE", help="with a key: as the config file would have it")
        if verb == "revert":
            one.add_argument("what", metavar="EXPERIMENT", help="as 'penstock optimizer list' shows it, or a key")
        add_anywhere(one)
    return wants


def _question(options: argparse.Namespace) -> dict[str, Any]:
    if options.verb == "list":
        return {"journal": str(max(0, options.last))}
    asked: dict[str, Any] = {"trusted": True, "by": "the control socket"}
    if options.verb == "revert":
        return asked | {"do": f"{options.what}/revert"}
    body = {"proposal": options.what} if options.value is None else {"setting": options.what, "value": options.value}
    return asked | {"do": "apply", "body": msgspec.json.encode(body).decode()}


def lines(answer: dict[str, Any]) -> list[str]:
    """All of it for people."""
    told = [f"mode {answer['mode']}", "", "proposed:" if answer["proposals"] else "nothing is proposed"]
    told += _table([
        (one["id"], one["priority"], one["safety"], one["setting"], _step(one), one["because"])
        for one in answer["proposals"]
    ])  # fmt: skip
    if answer["settings"]:
        told += ["", "in force, and not in the config file:"]
        told += _table([
            (one["experiment"], one["key"], one["value"], one["phase"], "" if one["on"] else "off for a comparison")
            for one in answer["settings"]
        ])  # fmt: skip
    if answer["journal"]:
        told += ["", "tried:"]
        told += _table([
            (one["id"], one["state"], one["proposal"]["setting"], _step(one["proposal"]), _effect(one), one["reason"])
            for one in answer["journal"]
        ])  # fmt: skip
    return told


def _step(proposal: dict[str, Any]) -> str:
    return "" if proposal["value"] is None else f"{proposal['old']} -> {proposal['value']}"


def _effect(one: dict[str, Any]) -> str:
    return "" if one["effect"] is None else f"{one['proposal']['metric']} {one['effect']:+.1%}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]

"""``penstock cache``: what the cache of a running gateway keeps, and what of it is to go.

Enters: a verb and what is meant. Leaves: a table, or JSON. May fail: Failure, status 2 with the gateway's own words
where it refused, 1 where none runs.
"""

from __future__ import annotations

import argparse
from typing import Any

from penstock.cli.asking import add_gateway, ask_running, refused
from penstock.cli.failure import WRONG_CONFIG
from penstock.cli.options import parser, print_json

VERBS = {
    "stats": "how much is kept, how often it was told again, and what that saved",
    "list": "show entries, without their answers",
    "show": "show one entry and its answer",
    "delete": "let one entry go, at every worker",
    "flush": "let all entries go that fit, at every worker",
}
_FILTERS = {
    "model": "of this entry of models",
    "tag": "with this tag (x-penstock-tags)",
    "scope": "of this scope, as list shows it",
    "classification": "of this class",
    "upstream": "that this upstream answered",
}
_COLUMNS = ("id", "model", "operation", "age", "left", "reads", "bytes", "tokens", "tags")
_SORTS = ("created", "accesses", "size", "cost", "expires")


def main(arguments: list[str]) -> int:
    """Ask over the local control socket."""
    options = _parser().parse_args(arguments or ["stats"])
    answer = ask_running(options, "cache", _question(options))
    if options.json:
        print_json(answer)
        return 0 if answer["ok"] else WRONG_CONFIG
    failure = refused(answer)
    if failure is not None:
        raise failure
    print("\n".join(_said(options, answer)))
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "cache",
        "Show what the cache of the running gateway keeps, and let go of what should not be told again.",
        "Exit status: 0 done, 2 refused, 1 no gateway of this user was found on that port.",
    )
    verbs = wants.add_subparsers(dest="verb", metavar=" | ".join(VERBS), required=True)
    for verb, says in VERBS.items():
        one = verbs.add_parser(verb, help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False)
        if verb in ("show", "delete"):
            one.add_argument("id", metavar="ID", help="as list shows it, or the answer's x-penstock-cache-entry")
        if verb in ("list", "flush"):
            for name, meaning in _FILTERS.items():
                one.add_argument(f"--{name}", help=f"those {meaning}")
        if verb == "list":
            one.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
            one.add_argument("--sort", choices=_SORTS, default="created", help="the largest first (created)")
        if verb == "flush":
            one.add_argument("--all", action="store_true", help="everything")
        if verb in ("delete", "flush"):
            one.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
        add_gateway(one)
    return wants


def _question(options: argparse.Namespace) -> dict[str, Any]:
    asked = {name: value for name in _FILTERS if (value := getattr(options, name, None)) is not None}
    if options.verb == "list":
        asked |= {"limit": str(options.limit), "sort": options.sort}
    if options.verb == "stats":
        asked["limit"] = "0"
    if getattr(options, "all", False):
        asked["all"] = "true"
    if getattr(options, "dry_run", False):
        asked["dry_run"] = "true"
    return {"do": options.verb, "id": getattr(options, "id", ""), "asked": asked}


def _said(options: argparse.Namespace, answer: dict[str, Any]) -> list[str]:
    if options.verb == "stats":
        return stats(answer["cache"])
    if options.verb == "list":
        return table(answer)
    if options.verb == "show":
        told = [f"{name:<15} {_plain(value)}" for name, value in answer["entry"].items() if value not in ("", [], None)]
        return [*told, "", _plain(answer["answer"]) + ("\n… cut" if answer["cut"] else "")]
    verb = "would go" if answer["dry_run"] else "gone"
    told = [f"{answer['deleted']} entries, {answer['bytes']} bytes: {verb}", *answer["ids"][:20]]
    if not (answer["dry_run"] or answer.get("stored", True)):
        told.append("the store has not confirmed it: other workers may still tell them until it can be reached again")
    return told


def stats(cache: dict[str, Any]) -> list[str]:
    """Numbers of one worker, in words."""
    saved = cache["saved"]
    tokens = saved["tokens_in"] + saved["tokens_out"]
    lines = [
        f"entries    {cache['entries']} ({cache['bytes']} bytes), {cache['memory_answers']} of them in memory"
        + ("" if cache["ready"] else "; not ready: it is reading its store, or cannot reach it"),
        f"saved      {tokens} tokens, {saved['micro_dollars'] / 1e6:.2f} dollars, {saved['seconds']:.1f} s",
    ]
    for kind in ("exact", "semantic"):
        told = {result: number for one, result, number in cache["operations"] if one == kind}
        if told:
            lines.append(f"{kind:<10} " + ", ".join(f"{number} {result}" for result, number in sorted(told.items())))
    if cache["evicted"]:
        lines.append("gone       " + ", ".join(f"{number} {why}" for why, number in sorted(cache["evicted"].items())))
    return lines


def table(answer: dict[str, Any]) -> list[str]:
    """The entries."""
    rows = [_COLUMNS, *(_cells(row) for row in answer["entries"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    told = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*told, "", f"{len(answer['entries'])} of {answer['found']}"]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["id"], _plain(row["model"]), row["operation"], f"{row['age']:.0f}s", f"{row['left']:.0f}s",
        str(row["accesses"]), str(row["size"]), f"{row['tokens_in']}+{row['tokens_out']}",
        _plain(",".join(row["tags"])) or "-",
    )  # fmt: skip


def _plain(value: object) -> str:
    """As text that a terminal takes for nothing else: answers are written by others."""
    text = str(value)
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)

"""``penstock cache``: what the cache of a running gateway keeps, and what of it is to go.

Enters: a verb and what is meant. Leaves: a table, or JSON. May fail: Failure, status 2 with the gateway's own words
where it refused, 1 where none runs.
"""

from __future__ import annotations

import argparse
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from penstock.cli.asking import ask_running, refused
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import parser, print_json, with_verb
from penstock.cli.parts import add_anywhere, ask_admin, ask_status

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
_FOUND_BY_EACH = ("expired", "lost", "damaged")
_SORTS = ("created", "accesses", "size", "cost", "expires")


def main(arguments: list[str]) -> int:
    """Ask over the local control socket, or with a key."""
    options = _parser().parse_args(with_verb(arguments, "stats"))
    answer = _asked(options, _question(options))
    if options.verb == "stats" and answer["ok"]:
        with contextlib.suppress(Failure):  # then the numbers of the worker that answered have to do
            answer["cache"] = over_workers(ask_status(options)["workers"]) or answer["cache"]
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
        add_anywhere(one)
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


def _asked(options: argparse.Namespace, question: dict[str, Any]) -> dict[str, Any]:
    if not options.url:
        answer: dict[str, Any] = ask_running(options, "cache", question)
        return answer
    path = "cache" + (f"/{quote(question['id'], safe='')}" if question["id"] else "")
    method = "DELETE" if question["do"] in ("delete", "flush") else "GET"
    return {"ok": True, **ask_admin(options, method, f"{path}?{urlencode(question['asked'])}")}


def _said(options: argparse.Namespace, answer: dict[str, Any]) -> list[str]:
    if options.verb == "stats":
        return [*stats(answer["cache"]), *(line for told in answer.get("semantic") or () for line in semantic(told))]
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


def over_workers(workers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The numbers of all workers together; None where none has a cache. What expired each finds out by itself."""
    dumps = [worker["cache"] for worker in workers if worker.get("cache")]
    if not dumps:
        return None
    operations, stores, saved, evicted = Counter[tuple[str, str]](), Counter[str](), Counter[str](), Counter[str]()
    for dump in dumps:
        operations.update({(kind, result): number for kind, result, number in dump["operations"]})
        stores.update(dump["stores"])
        saved.update(dump["saved"])
        for why, number in dump["evicted"].items():
            evicted[why] = max(evicted[why], number) if why in _FOUND_BY_EACH else evicted[why] + number
    return {
        "ready": all(dump["ready"] for dump in dumps),
        "entries": max(dump["entries"] for dump in dumps),
        "bytes": max(dump["bytes"] for dump in dumps),
        "memory_answers": sum(dump["memory_answers"] for dump in dumps),
        "memory_bytes": sum(dump["memory_bytes"] for dump in dumps),
        "operations": [[kind, result, number] for (kind, result), number in operations.items()],
        "stores": dict(stores), "saved": dict(saved), "evicted": dict(evicted), "workers": len(dumps),
    }  # fmt: skip


def _in_memory(cache: dict[str, Any]) -> str:
    workers = cache.get("workers", 1)
    held = cache["memory_answers"]
    return f"{held} of them in memory" if workers == 1 else f"{held} answers in the memory of {workers} workers"


def stats(cache: dict[str, Any]) -> list[str]:
    """Those numbers in words."""
    saved = cache["saved"]
    tokens = saved["tokens_in"] + saved["tokens_out"]
    lines = [
        f"entries    {cache['entries']} ({cache['bytes']} bytes), {_in_memory(cache)}"
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


def semantic(told: dict[str, Any]) -> list[str]:
    """How the bound of the semantic cache stands, at one worker."""
    if not told.get("enabled"):
        return []
    embedder = told["embedder"]
    lines = [
        f"questions  {told['questions']} in {told['partitions']} partitions ({told['bytes']} bytes)"
        + ("" if told["ready"] else "; not ready: they are being read"),
        f"embedder   {embedder['name']}, {embedder['state']}",
    ]
    for row in told["bounds"]:
        lines.append(f"bound      {_plain(row['model'])} at worker {told['worker']}: {row['in_words']}")
        stopped = [part for part in row["partitions"] if part["stopped"]]
        lines += [f"           partition {part['partition'][:12]}: {part['in_words']}" for part in stopped]
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

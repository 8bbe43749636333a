"""What ``penstock explain`` says of routing: where a call would go, and recorded decisions made again.

Enters: a call's body, or a file of recorded decisions. Leaves: a table a decision, or JSON. May fail: Failure, with the
line of the file that is none.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from penstock.cli.asking import ask_running, refused
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import print_json
from penstock.routing.record import Decision
from penstock.routing.replay import BadRecord, account, again, parse

MOST_BYTES = 1024 * 1024 * 1024


def route(options: argparse.Namespace) -> int:
    """Ask the running gateway where the call in ``options.route`` would go."""
    question = {
        "body": read_text(options.route),
        "operation": options.operation,
        "session": options.session or "",
        "key": options.key or "",
        "client": options.client or "127.0.0.1",
    }
    answer = ask_running(options, "decisions", question)
    failure = refused(answer)
    if failure is not None:
        raise failure
    if options.json:
        print_json(answer)
        return 0
    for told in sorted(answer["workers"], key=lambda told: int(told["worker"])):
        print("\n".join(lines(told, f"worker {told['worker']}")))
    return 0


def replay(options: argparse.Namespace) -> int:
    """Make the decisions of a file again. Exit status 1 when one comes out otherwise."""
    told = []
    for number, decision in decisions(options.replay):
        try:
            row = account(decision, again(decision))
        except BadRecord as error:
            raise Failure(f"{options.replay}: decision {number}: {error}", WRONG_CONFIG) from None
        told.append({**row, "at": decision.at, "chosen": decision.chosen, "same": row["winner"] == decision.chosen})
    other = [number for number, row in enumerate(told, 1) if not row["same"]]
    if options.json:
        print_json({"ok": not other, "decisions": told})
    else:
        for number, row in enumerate(told, 1):
            print("\n".join(lines(row, f"decision {number}")))
        print(f"{len(told)} decisions, {len(other)} of them come out otherwise" + (f": {other}" if other else ""))
    return 1 if other else 0


def decisions(name: str) -> Iterator[tuple[int, Decision]]:
    """The decisions in a file: one a line, or what ``/admin/v1/routes`` answers. Raises Failure."""
    text = read_text(name)
    try:
        lines = [json.dumps(row) for row in json.loads(text)["decisions"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, parse(line)
            except BadRecord as error:
                raise Failure(f"{name}: decision {number}: {error}", WRONG_CONFIG) from None


def read_text(name: str) -> str:
    """A file's text, or that of standard input for ``-``. Raises Failure."""
    try:
        if name == "-":
            return sys.stdin.read(MOST_BYTES)
        with open(name, encoding="utf-8") as file:
            return file.read(MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name}: cannot be read: {error}", WRONG_CONFIG) from None


def lines(told: dict[str, Any], title: str) -> list[str]:
    """One decision as people read it."""
    most = "most" if told.get("largest_wins") else "least"
    said = [f"{title}: {told['entry']} by {told['strategy']} ({most} wins), asked of the upstream as {told['sent_as']}"]
    for row in told["candidates"]:
        mark = ">" if row["upstream"] == told["winner"] else " "
        terms = ", ".join(f"{name} {value:.6g}" for name, value in row["terms"].items())
        score = "" if row["score"] is None else f"{row['score']:.6g}"
        said.append(f" {mark} {row['upstream']:<24} {score:>12}  {terms}".rstrip())
    said += [f"   {row['upstream']:<24} {'left out':>12}  {row['reason']}" for row in told.get("excluded", [])]
    if told.get("session_at"):
        said.append(f"   its session is at {told['session_at']}")
    if told["winner"] is None:
        fallbacks, pool = told.get("fallbacks"), told.get("waits_for")
        then = f": its fallbacks are asked, {', '.join(fallbacks)}" if fallbacks else ""
        if pool:
            then += f"; the call wakes its pool {pool}" if fallbacks else f": the call wakes its pool {pool}, and waits"
        said.append(f"   nobody can be chosen{then}")
    return said

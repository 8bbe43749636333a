"""``penstock scaling``: the pools of a running gateway: what stands, how many there should be and why; a word by hand.

Enters: a verb, a pool. Leaves: a table, or JSON. May fail: Failure, status 2 with the gateway's own words where it
refused, 1 where none runs.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from penstock.cli.amounts import whole
from penstock.cli.options import parser, print_json, with_verb
from penstock.cli.parts import add_anywhere, ask_part
from penstock.scaling.size import in_words

VERBS = {
    "list": "show the pools",
    "show": "show one: its replicas, what is seen of it, what was decided lately",
    "want": "set how many replicas a pool has, until 'resume' or for a while",
    "pause": "leave a pool as it is, until 'resume' or for a while",
    "resume": "let a pool be decided for again",
}
_COLUMNS = ("pool", "ready", "starting", "draining", "failed", "wanted", "min-max", "rule", "why")
LAST = 5
"""Decisions that ``show`` tells."""


def main(arguments: list[str]) -> int:
    """Ask over the local control socket, or over HTTP with ``--url``."""
    options = _parser().parse_args(with_verb(arguments, "list"))
    if options.verb in ("list", "show"):
        answer = ask_part(options, "scaling", {"pool": options.pool} if options.verb == "show" else {})
    else:
        body = {"pool": options.pool} | ({"count": options.count} if options.verb == "want" else {})
        if options.verb != "resume" and options.lasts:
            body["for"] = options.lasts
        said = {"do": options.verb, "body": json.dumps(body), "by": "the command line", "trusted": True}
        answer = ask_part(options, "scaling", said)
    if options.json:
        print_json(answer)
    elif options.verb == "list":
        print("\n".join(lines(answer["pools"])))
    else:
        print("\n".join(told(options.pool, answer, time.time())))
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "scaling",
        "Show the pools of replicas of a running gateway, and say by hand how many there should be: what a person\n"
        "says goes before every rule, within the pool's min and max, and survives a restart.",
        "Exit status: 0 done, 2 refused, 1 no gateway was found there.",
    )
    verbs = wants.add_subparsers(dest="verb", metavar=" | ".join(VERBS), required=True)
    for verb, says in VERBS.items():
        one = verbs.add_parser(verb, help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False)
        if verb != "list":
            one.add_argument("pool", metavar="POOL", help="as 'penstock scaling list' shows it")
        if verb == "want":
            one.add_argument("count", type=whole(0, 10_000), metavar="COUNT", help="replicas")
        if verb in ("want", "pause"):
            one.add_argument("--for", dest="lasts", metavar="TIME", help="such as 30m or 8h, up to 30d")
        add_anywhere(one)
    return wants


def lines(pools: dict[str, dict[str, Any]]) -> list[str]:
    """The table."""
    if not pools:
        return ["there is no pool: scaling.pools in the config makes one"]
    table = [_COLUMNS, *(_cells(name, row) for name, row in pools.items())]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _cells(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    states = [one["state"] for one in row.get("standing", {}).get("replicas", ())]
    counts = [str(states.count(state)) for state in ("ready", "starting", "draining", "failed")]
    return (name, *counts, str(row["desired_replicas"]), f"{row['min']}-{row['max']}", row["policy"], _why(row))


def _why(row: dict[str, Any]) -> str:
    """What is most worth knowing of it."""
    why = row.get("trouble") or row.get("would") or _decided(row)
    return f"(dry run) {why}" if row["dry_run"] else str(why)


def _decided(row: dict[str, Any]) -> str:
    decision = row.get("decision")
    return str(decision["reason"] if decision else row.get("why", ""))


def _seen(seen: dict[str, Any]) -> str:
    """What the decision rests on."""
    load = f"load {seen['load']:.4g}, in work a second"
    carries = f"a replica carries {seen['carries']:.4g}" if seen["carries"] else "what a replica carries is not known"
    starts = f"a start takes {seen['starts']:.1f} s" if seen["starts"] else "no start was measured"
    calls = f"{seen['requests']:.3g} calls a second, {seen['in_flight']:.0f} under way, {seen['waiting']:.0f} wait"
    return f"  seen: {calls}; {load}; {carries}; {starts}"


def told(name: str, row: dict[str, Any], now: float) -> list[str]:
    """All of one pool, in lines."""
    wants = f"{name}: {row['desired_replicas']} wanted, between {row['min']} and {row['max']}, by {row['policy']}"
    shown = [wants]
    held = row.get("held")
    if held is None:
        shown.append(f"  {_decided(row)}")
    if held is not None:
        left = f" for another {held['until'] - now:.0f} s" if held["until"] else ", until it is resumed"
        does = "paused" if held["count"] is None else f"set to {held['count']}"
        shown.append(f"  {does} by {held['by']}{left}")
    if row.get("trouble") or row["dry_run"]:
        shown.append(f"  {_why(row)}")
    if row.get("seen") is not None:
        shown.append(_seen(row["seen"]))
    replicas = row.get("standing", {}).get("replicas", ())
    if unsized := row.get("standing", {}).get("unsized"):
        shown.append(f"  how large they are is not known: {unsized}")
    if size := row.get("standing", {}).get("size"):
        old = sum(one.get("stale", False) for one in replicas)
        shown.append(f"  each has {in_words(size)}" + (f"; {old} still to be replaced" if old else ""))
    if replicas:
        shown.append("replicas:")
    for one in replicas:
        took = f", started in {one['took']:.1f} s" if one["took"] else ""
        trouble = "".join(f": {text}" for text in (one["trouble"], one.get("said")) if text)
        age = max(0.0, now - one["since"])
        shown.append(f"  {one['name']:<16} {one['address'] or '-':<22} {one['state']:<8} {age:.0f} s{took}{trouble}")
    changes = row.get("changes") or []
    if changes:
        shown.append("decided lately:")
    shown += [f"  {_ago(now - one['at'])}: {one['wanted']}, {one['reason']}" for one in changes[-LAST:]]
    return shown


def _ago(seconds: float) -> str:
    return f"{seconds / 60:.0f} min ago" if seconds >= 120 else f"{max(0.0, seconds):.0f} s ago"

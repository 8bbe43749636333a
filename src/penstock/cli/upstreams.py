"""``penstock upstreams``: the upstreams of a running gateway, and what may be done to them while it serves.

Enters: a verb and a name. Leaves: a table, or JSON. May fail: Failure, status 2 with the gateway's own words where it
refused, 1 where none runs.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from penstock.cli.asking import ask_running, refused
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.glance import WELL, glance
from penstock.cli.options import parser, print_json, with_verb
from penstock.cli.parts import add_anywhere, ask_admin, ask_status
from penstock.cli.routes import read_text
from penstock.core.units import parse_duration

VERBS = {
    "list": "show them, over all workers",
    "drain": "give one no new calls; those that run may end",
    "undrain": "give it new calls again",
    "weigh": "change its share against the others",
    "add": "add one, from a file that holds its settings and the models that it joins",
    "remove": "take one out; calls that run there may end",
    "reset": "forget what was changed of one: the config file counts again",
}
_COLUMNS = ("name", "kind", "weight", "state", "in flight", "served", "sessions", "learned", "models")


def main(arguments: list[str]) -> int:
    """Ask over the local control socket, or with a key."""
    options = _parser().parse_args(with_verb(arguments, "list"))
    if options.verb == "list":
        return _list(options)
    question: dict[str, Any] = {"do": options.verb, "name": options.name, "wait": 0.0, "trusted": True}
    if options.verb in ("drain", "remove"):
        question["wait"] = _seconds(options.wait)
    if options.verb == "weigh":
        question |= {"do": "put", "body": f'{{"weight": {options.weight}}}'}
    if options.verb == "add":
        question |= {"do": "put", "body": read_text(options.file)}
    answer = _changed(options, question)
    if options.json:
        print_json(answer)
        return 0 if answer["ok"] else WRONG_CONFIG
    failure = refused(answer)
    if failure is not None:
        raise failure
    print(_said(options, answer["upstream"]))
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "upstreams",
        "Show the upstreams of the running gateway and change them while it serves. Changes are taken by all workers,\n"
        "drop no call, and last until the gateway ends or the config file says something new of the same upstream.",
        "Exit status: 0 done, 2 refused, 1 no gateway of this user was found on that port.",
    )
    verbs = wants.add_subparsers(dest="verb", metavar=" | ".join(VERBS), required=True)
    for verb, says in VERBS.items():
        one = verbs.add_parser(verb, help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False)
        if verb == "list":
            one.add_argument("--victim", metavar="MODEL", help="also name the one of MODEL that would be missed least")
        else:
            one.add_argument("name", metavar="NAME", help="as 'penstock upstreams list' shows it")
        if verb == "weigh":
            one.add_argument("weight", type=int, metavar="WEIGHT", help="a whole number from 1")
        if verb == "add":
            one.add_argument(
                "file", metavar="FILE", help='JSON, such as {"kind": ..., "models": [...]}; - reads it here'
            )
        if verb in ("drain", "remove"):
            one.add_argument(
                "--wait", default="0", metavar="TIME", help="wait until it is empty, such as 30s, up to 5m"
            )
        add_anywhere(one)
    return wants


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Failure(f"penstock upstreams: --wait: {error}", WRONG_CONFIG) from None


def _changed(options: argparse.Namespace, question: dict[str, Any]) -> dict[str, Any]:
    """What came of it. Over HTTP a change waits no longer than a request may last there."""
    if not options.url:
        answer: dict[str, Any] = ask_running(options, "change", question, within=120.0 + question["wait"])
        return answer
    do = question["do"]
    path = f"upstreams/{quote(question['name'], safe='')}"
    if do == "put":
        return ask_admin(options, "PUT", path, question["body"])
    wait = f"?wait={question['wait']:g}s"
    if do == "remove":
        return ask_admin(options, "DELETE", path + wait)
    return ask_admin(options, "POST", f"{path}/{do}{wait}")


def _list(options: argparse.Namespace) -> int:
    if options.url:
        answer = ask_admin(options, "GET", "upstreams" + (f"?victim={quote(options.victim)}" if options.victim else ""))
    else:
        answer = ask_running(options, "upstreams", options.victim or "")
    failure = refused(answer)
    if failure is not None:
        raise failure
    if options.json:
        print_json(answer)
        return 0
    print("\n".join(lines(answer, _out_of_use(options))))
    if options.victim:
        victim = answer["victim"]
        print(f"\n{options.victim} would miss {victim['upstream']} least" if victim else "\nnone can be spared")
    return 0


def _out_of_use(options: argparse.Namespace) -> dict[str, str]:
    """What keeps calls from those that may have them, as ``penstock top`` says it: open, sick."""
    with contextlib.suppress(Failure):  # then it is not told; what may be changed is
        seen = glance(ask_status(options), {})["upstreams"]
        return {row["name"]: row["state"] for row in seen if row["state"] not in WELL}
    return {}


def lines(answer: dict[str, Any], out: Mapping[str, str]) -> list[str]:
    """The table, and what was changed live. ``out``: those that are out of use, and how."""
    table = [_COLUMNS, *(_cells(row, out) for row in answer["upstreams"])]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    told = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    if not answer["upstreams"]:
        told = ["no instance of an upstream has been found; 'penstock scaling' shows what pools have"]
    if answer["live"]:
        told += ["", "changed live, and not in the config file:", *(f"  {change(row)}" for row in answer["live"])]
    return told


def _cells(row: dict[str, Any], out: Mapping[str, str]) -> tuple[str, ...]:
    state = _state(row)
    state = out.get(row["name"], state) if state == "serving" else state
    learned = row["learned"]
    speed = "-" if learned is None else f"{learned['prefill_tokens_per_second']:.0f} t/s in, "
    if learned is not None:
        speed += f"{1 / learned['seconds_per_token']:.0f} t/s out" if learned["seconds_per_token"] else "- out"
    return (
        row["name"], row["kind"] or "-", str(row["weight"]), state, str(row["in_flight"]), str(row["served"]),
        str(row["sessions"]), speed, ", ".join(row["models"]) or "-",
    )  # fmt: skip


def _state(row: dict[str, Any]) -> str:
    if row["kind"] is None:
        return "leaving"
    return "drained" if row["drained"] else "draining" if row["draining"] else "serving"


def change(row: dict[str, Any]) -> str:
    """One live change in words."""
    name = row["upstream"]
    if row.get("removed"):
        return f"{name} removed"
    words = [f"added to {', '.join(row['models']) or 'no model'}"] if row.get("added") else []
    if "weight" in row:
        words.append(f"weight {row['weight']}")
    if "drain" in row:
        words.append("draining" if row["drain"] else "not draining")
    return f"{name} {', '.join(words)}"


def _said(options: argparse.Namespace, row: dict[str, Any] | None) -> str:
    if row is None:
        return f"{options.name} is gone"
    if options.verb == "remove":
        return f"{options.name} is taken out; {row['in_flight']} calls still run there"
    said = f"{row['name']}: weight {row['weight']}, {_state(row)}, {row['in_flight']} calls in flight"
    if row["still_serves"]:
        said += f"\nit still gets calls of {', '.join(row['still_serves'])}: nobody else has them"
    return said

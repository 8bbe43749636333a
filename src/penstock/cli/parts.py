"""What a running gateway says of its parts: asked over the local control socket, or of one elsewhere with a key.

Enters: options, the part and the question. Leaves: its answer. May fail: Failure, 2 with the gateway's own words for a
wrong question, 1 where none answers.
"""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote, urlencode

from penstock.cli.asking import add_gateway, ask_running
from penstock.cli.caller import KEY_VARIABLE, Caller, Unreachable, callers
from penstock.cli.failure import WRONG_CONFIG, Failure

WITHIN = 60.0


def add_anywhere(to: argparse.ArgumentParser) -> None:
    """The options that say which gateway is meant: one of this user, or one at an address."""
    add_gateway(to)
    to.add_argument("--url", help="ask the gateway at this address instead, such as https://llm.example.org")
    # Where --key already says whose calls are meant, it is not also the key that asks.
    names = ("--admin-key",) if "--key" in to.format_usage() else ("--key", "--admin-key")
    says = f"the key to ask it with, one with the right admin (otherwise ${KEY_VARIABLE})"
    to.add_argument(*names, dest="admin_key", metavar="KEY", help=says)


def ask_part(options: argparse.Namespace, part: str, question: dict[str, Any]) -> dict[str, Any]:
    """What ``part`` answers. Raises Failure."""
    if options.url and "do" in question:
        return ask_admin(options, "POST", f"{part}/{quote(question['do'])}", question.get("body", ""))
    if options.url:
        return fetch(options, part, question)
    answer: dict[str, Any] = ask_running(options, "leader", {"part": part, "question": question}, within=WITHIN)
    if "problems" in answer:
        code = 1 if int(answer.get("status", 400)) in (404, 503) else WRONG_CONFIG
        raise Failure("\n".join(answer["problems"]), code)
    return answer


def ask_status(options: argparse.Namespace) -> dict[str, Any]:
    """How the gateway is, worker by worker. Raises Failure."""
    if options.url:
        return ask_admin(options, "GET", "status")
    answer: dict[str, Any] = ask_running(options, "status", None, within=WITHIN)
    return answer


def fetch(options: argparse.Namespace, path: str, question: dict[str, Any]) -> dict[str, Any]:
    """What the admin API at ``--url`` tells below ``path``. Raises Failure."""
    return ask_admin(options, "GET", f"{path}?{urlencode(question)}")


def ask_admin(options: argparse.Namespace, method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """What the admin API at ``--url`` answers to ``method`` of ``path``. Raises Failure; not for a refusal that is told
    as ``problems``, which is an answer, too."""
    who = argparse.Namespace(url=options.url, key=options.admin_key, admin_key=None, config=None)
    caller: Caller = callers(who)[1]
    try:
        answer = caller.ask(method, f"/admin/v1/{path}", None if body is None else body.encode())
    except Unreachable as error:
        raise Failure(str(error)) from None
    if answer.status != 200 and not (isinstance(answer.value, dict) and "problems" in answer.value):
        raise Failure(f"{caller.root} refuses: {answer.said}", WRONG_CONFIG if answer.status in (400, 409) else 1)
    if not isinstance(answer.value, dict):
        raise Failure(f"{caller.root} does not answer as a gateway of this version does")
    return answer.value

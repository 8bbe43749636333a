"""The command line: finds the command and runs it. Only the module of that command is imported.

Enters: the arguments. Leaves: an exit status: 0; 2 for a wrong command line or config; 1 for any other failure, told
in a line on standard error. A command is a function ``(arguments: list[str]) -> int`` named in ``COMMANDS``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NamedTuple, cast

from penstock import __version__
from penstock.cli.failure import Failure


class Command(NamedTuple):
    """``place`` is ``module:function``."""

    place: str
    help: str


COMMANDS: dict[str, Command] = {
    "serve": Command("penstock.cli.serve:main", "start the gateway; no config is needed"),
    "reload": Command("penstock.cli.reload:main", "have a running gateway take its changed config, dropping no call"),
    "restart": Command("penstock.cli.restart:main", "renew a running gateway's workers one by one, dropping no call"),
    "check": Command("penstock.cli.check:main", "read a config file and say all that is wrong with it"),
    "config": Command("penstock.cli.config:main", "print the effective config, defaults included, secrets masked"),
    "explain": Command(
        "penstock.cli.explain:main", "print the rooms that a call passes, or why it goes to which upstream"
    ),
    "upstreams": Command(
        "penstock.cli.upstreams:main", "show the upstreams of a running gateway, drain, weigh, add them"
    ),
    "scaling": Command(
        "penstock.cli.scaling:main", "show the pools of a running gateway; set how many replicas one has"
    ),
    "optimizer": Command("penstock.cli.optimize:main", "show what the optimizer proposes and tries; apply, revert"),
    "cache": Command("penstock.cli.cache:main", "list, show and delete what the cache of a running gateway keeps"),
    "journal": Command("penstock.cli.journal:main", "show the last calls of a running gateway, or sums of them"),
    "history": Command("penstock.cli.history:main", "show what a running gateway did over time"),
    "cost": Command("penstock.cli.report_cost:main", "show what calls cost and spared, by model, key, tag or day"),
    "warm": Command("penstock.cli.warm:main", "ask the commonest prompts before callers do, so that they are cached"),
    "batch": Command("penstock.cli.batch:main", "have a file of calls answered as a job; list, show and cancel jobs"),
    "ui": Command("penstock.cli.ui:main", "print a link that logs you in to the dashboard of a running gateway"),
    "doctor": Command("penstock.cli.doctor:main", "try every upstream step by step and say what to fix"),
    "keys": Command("penstock.cli.keys:main", "make, list and revoke the keys that callers use"),
    "connect": Command(
        "penstock.cli.connect:main", "print the exact settings for a client (OpenAI SDK, curl, Aider, ...)"
    ),
    "semantic": Command("penstock.cli.semantic:main", "make the weights that the semantic cache embeds with"),
    "simulate": Command("penstock.cli.simulate:main", "play recorded traffic against fleets that are not there"),
    "report": Command("penstock.cli.report:main", "tell how it went, what holds calls up, what to change; --cost"),
    "top": Command("penstock.cli.top:main", "show how a running gateway is, live in the terminal"),
    "forecast": Command("penstock.cli.forecast:main", "backtest the forecaster of load on a recorded series"),
    "capacity": Command("penstock.cli.capacity:main", "say how large things should be, by what was measured; --apply"),
    "insight": Command("penstock.cli.insight:main", "what is out of the ordinary, and whose fault it is"),
    "deploy": Command("penstock.cli.deploy:main", "write what runs it elsewhere: in clusters, clouds, on one host"),
    "demo": Command("penstock.cli.demo:main", "play a tour of what the gateway does, on this machine"),
    "lambda": Command("penstock.cli.aws_lambda:main", "serve inside an AWS Lambda sandbox"),
    "bench": Command("penstock.cli.bench:main", "play questions through the semantic cache: hits, and how many wrong"),
}

_EPILOG = """\
penstock COMMAND --help says more about each. Commands that report take --json.

Start here:
  penstock serve                    a gateway on http://127.0.0.1:8400, a key, and a curl line to try
  penstock connect openai-python    how to point a client at it
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return status
    except Failure as failure:
        return _complain(str(failure), failure.status)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who read our output has gone (`| head`): not worth a word, but the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(given: list[str]) -> int:
    first = given[0] if given else "--help"
    if first in ("--version", "-V"):
        print(f"penstock {__version__}{' (compiled)' if is_compiled() else ''}")
        return 0
    if first in ("--help", "-h", "help"):
        return _run([given[1], "--help"]) if given[1:] else _print_help()
    command = COMMANDS.get(first)
    if command is None:
        return _complain(_unknown(first), 2)
    try:
        return _load(command.place)(given[1:])
    except ModuleNotFoundError as error:
        package, _, folder = (error.name or "").partition(".")
        if package != "penstock" or not folder or "." in folder:
            raise
        return _complain(f"penstock {first}: this installation has no {folder}, which it needs", 1)


def is_compiled() -> bool:
    """Whether the hot path is compiled: a file that is stands beside its source, and is what Python takes."""
    core = os.path.join(os.path.dirname(os.path.dirname(__file__)), "core")
    return any(name.endswith((".so", ".pyd")) for name in os.listdir(core))


def _load(place: str) -> Callable[[list[str]], int]:
    from importlib import import_module

    module, _, function = place.partition(":")
    return cast("Callable[[list[str]], int]", getattr(import_module(module), function))


def _print_help() -> int:
    print("penstock: one address, speaking the OpenAI and Anthropic APIs, in front of every model you rent or run.\n")
    print("usage: penstock COMMAND [options]\n")
    for name, command in COMMANDS.items():
        print(f"  {name:<9} {command.help}")
    print(f"\n{_EPILOG}", end="")
    return 0


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, 1)
    hint = f'did you mean "{close[0]}"?' if close else '"penstock --help" lists them'
    return f'penstock: there is no command "{name}"; {hint}'


def _complain(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status

"""``penstock insight anomalies``: what is out of the ordinary at the running gateway, and what was.

Enters: how many of those that are over. Leaves: a list or JSON. May fail: Failure, 1 where no gateway
answers, 2 for a wrong question.
"""

from __future__ import annotations

import argparse
from typing import Any

from penstock.cli.caller import shown
from penstock.cli.moments import printed
from penstock.cli.options import print_json
from penstock.cli.parts import add_anywhere, ask_part

MOST_CHARACTERS = 200


def add_anomalies(verbs: Any) -> None:
    """The options of the command."""
    about = "Show the anomalies of the running gateway: those that last, and those that are over, the newest first."
    verb: argparse.ArgumentParser = verbs.add_parser(
        "anomalies", help="show what is out of the ordinary now, and was", description=about
    )
    verb.add_argument(
        "--last", type=int, default=10, metavar="N", help="so many of those that are over, up to 1000 (10)"
    )
    add_anywhere(verb)


def show_anomalies(options: argparse.Namespace) -> int:
    """Ask, and show."""
    answer = ask_part(options, "anomalies", {"last": str(options.last)})
    if options.json:
        print_json(answer)
        return 0
    print("\n".join(lines(answer)))
    return 0


def lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people."""
    if not answer["enabled"]:
        return ["This gateway does not look for anomalies. Set insight.enabled: true in its config."]
    out = [] if answer["open"] else ["Nothing is out of the ordinary."]
    for anomaly in (*answer["open"], *answer["closed"]):
        end = "now" if anomaly["end"] is None else printed(anomaly["end"])
        out.append(
            f"{anomaly['id']:<5} {printed(anomaly['start'])} to {end:<19} {anomaly['severity']:<8} {anomaly['kind']}"
        )
        out.append(f"      {shown(anomaly['cause'], MOST_CHARACTERS)}")
        others = [
            f"{shown(one['dimension'], 20)} {shown(one['value'], 40)} ({one['share']:.0%})"
            for one in anomaly["contributors"][1:4]
        ]
        if others:
            out.append(f"      also: {', '.join(others)}")
        if anomaly["response"]:
            out.append(f"      may help: {anomaly['response']}")
    return out

"""``penstock doctor --memory``: what the running gateway holds, which lines of code hold more and more, what to change.

Enters: how long to trace (0: not at all). Leaves: lines a worker, or JSON; exit status 1 where a leak was found.
"""

from __future__ import annotations

import argparse
from typing import Any

from penstock.cli.asking import ask_running
from penstock.cli.failure import Failure
from penstock.cli.options import print_json

MIB = 1024 * 1024
TOP = 10
PATIENCE_SECONDS = 90.0
"""More than is traced, for what is sorted afterwards."""
MOST_SECONDS = 300.0
UNBOUNDED = 2**60
"""An account that only counts is told without its bound."""


def add_memory(to: argparse.ArgumentParser) -> None:
    """The options of it."""
    to.add_argument("--memory", action="store_true", help="examine the memory of the running gateway instead")
    to.add_argument("--seconds", type=float, default=10.0, help="trace so long with --memory (10; 0: do not trace)")
    to.add_argument("--port", type=int, help="the port of the gateway with --memory (as configured)")


def examine_memory(options: argparse.Namespace) -> int:
    """Ask, and print. Raises Failure."""
    if not 0 <= options.seconds <= MOST_SECONDS:
        raise Failure(f"penstock doctor: --seconds must be from 0 to {MOST_SECONDS:g}")
    question = {"seconds": options.seconds, "top": TOP}
    answers = ask_running(options, "trace_memory", question, within=options.seconds + PATIENCE_SECONDS)
    refused = [answer for answer in answers if not answer["ok"]]
    if refused:
        raise Failure("\n".join(f"worker {one['worker']}: {'; '.join(one['problems'])}" for one in refused))
    if options.json:
        print_json({"ok": _well(answers), "workers": answers})
    else:
        print("\n\n".join("\n".join(lines(answer)) for answer in answers))
    return 0 if _well(answers) else 1


def _well(answers: list[dict[str, Any]]) -> bool:
    return not any(answer["leak"]["alarms"] for answer in answers)


def lines(answer: dict[str, Any]) -> list[str]:
    """What a person reads of one worker."""
    collector, leak, objects = answer["collector"], answer["leak"], answer["objects"]
    told = [
        f"worker {answer['worker']}: {answer['rss'] / MIB:.1f} MiB resident, {answer['share']:.0%} of the limit",
        *(
            f"  {name:<12} {held / MIB:>9.1f} MiB{_of(bound)}, highest {peak / MIB:.1f}, refused {refused:,}"
            for name, (held, bound, peak, refused) in answer["accounts"].items()
        ),
        f"  collector    {sum(collector['times']):,} collections, {collector['seconds'] * 1000:.0f} ms in all, longest"
        f" {collector['longest'] * 1000:.1f} ms, {collector['a_minute'] * 1000:.1f} ms in a minute;"
        f" {sum(collector['freed']):,} objects freed, {objects['frozen']:,} frozen; {collector['mood']}",
    ]
    alarms = ", ".join(f"{name} ({number})" for name, number in leak["alarms"].items())
    told.append(f"  leaks        {alarms or 'none found'}")
    if leak["last"] is not None:
        last = leak["last"]
        told.append(f"  {'':<12} the last: {last['name']} grew {_size(last)} in {last['seconds']:.0f} s,"
                    f" {last['calls']:,} calls")  # fmt: skip
    told += _traced(answer["trace"])
    told += [f"  -> {one['text']}" for one in answer["suggestions"]]
    return told


def _of(bound: int) -> str:
    return f" of {bound / MIB:,.0f}" if bound < UNBOUNDED else ""


def _size(last: dict[str, Any]) -> str:
    memory = last["name"] == "memory" or last["name"].startswith("account ")
    return f"by {last['growth'] / MIB:.1f} MiB" if memory else f"by {last['growth']:.0f}"


def _traced(trace: dict[str, Any] | None) -> list[str]:
    if trace is None:
        return []
    short = ", cut short: too much was allocated" if trace["cut_short"] else ""
    told = [f"  traced for {trace['seconds']:.1f} s ({trace['trace_bytes'] / MIB:.1f} MiB of notes{short}); grew most:"]
    for site in trace["sites"]:
        told.append(f"  {site['bytes'] / 1024:>+12,.1f} KiB in {site['blocks']:+,} blocks  {' < '.join(site['lines'])}")
    if not trace["sites"]:
        told.append(f"  {'':<12} nothing")
    types = ", ".join(f"{name} +{more:,}" for name, more in trace["types"])
    return [*told, f"  objects that came: {types or 'none'}"]

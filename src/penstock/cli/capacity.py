"""``penstock capacity``: how large things should be, by what the running gateway has measured.

Enters: which gateway. Leaves: advice with its reasons, or JSON. May fail: Failure, 1 where none answers.
"""

from __future__ import annotations

from typing import Any

from penstock.cli.caller import shown
from penstock.cli.options import parser, print_json
from penstock.cli.parts import add_anywhere, ask_part

MOST_CHARACTERS = 300
MIB = 2**20
SIGNS = {"keep": "=", "more": "+", "less": "-"}
BY = {
    "pool": "the pool does so by itself",
    "reload": "change the config, then penstock reload",
    "restart": "change the config, then restart",
    "person": "nothing here can do it",
}


def main(arguments: list[str]) -> int:
    wants = parser(
        "capacity",
        "Say how large things should be: workers and memory of the gateway, slots and context of engines, replicas.",
        "It rests on what was measured in the last day; nothing is changed.",
    )
    add_anywhere(wants)
    options = wants.parse_args(arguments)
    answer = ask_part(options, "capacity", {})
    if options.json:
        print_json(answer)
    else:
        print("\n".join(lines(answer)))
    return 0


def lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people: what should change first."""
    advice = sorted(answer["advice"], key=lambda one: one["does"] == "keep")
    if not advice:
        return ["Nothing was measured yet that anything could be sized by."]
    out = [f"By what was measured in {answer['hours']:g} hours (the last 24 at most):", ""]
    for one in advice:
        changes = one["does"] != "keep"
        now, wanted = _amount(one["now"], one["unit"]), _amount(one["wanted"], one["unit"])
        size = f"{now} -> {wanted}" if changes else f"{now} is right"
        out.append(f"{SIGNS[one['does']]} {shown(one['of'], 60)}: {size}")
        out.append(f"    {shown(one['reason'], MOST_CHARACTERS)}")
        if changes:
            out.append(f"    {BY[one['by']]}" + (f": {shown(one['setting'], 200)}" if one["setting"] else ""))
    return out


def _amount(value: float, unit: str) -> str:
    return f"{value / MIB:.0f} MiB" if unit == "bytes" else f"{value:g} {unit}"

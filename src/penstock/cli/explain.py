"""``penstock explain``: the rooms that every call passes, and the reason for each one's place."""

from __future__ import annotations

import textwrap
from importlib.util import find_spec

from penstock.cli.options import add_json, parser, print_json
from penstock.pipeline import ROOMS, Room


def main(arguments: list[str]) -> int:
    wants = parser(
        "explain",
        "Print the rooms that a call passes, in order, and why each stands where it stands.\n"
        "The reply passes the same rooms in reverse.",
    )
    add_json(wants)
    options = wants.parse_args(arguments)
    if options.json:
        print_json([_plain(room) for room in ROOMS])
        return 0
    print("A call passes these rooms; its reply passes them in reverse.\n")
    for number, room in enumerate(ROOMS, 1):
        print(f"{number:>2}  {room.name}{'' if _installed(room) else '  (not installed: left out)'}")
        print(textwrap.fill(room.why, 100, initial_indent="    ", subsequent_indent="    "))
        print(f"    needs {_listed(room.needs)}; gives {_listed(room.gives)}   [{room.stage}]\n")
    return 0


def _plain(room: Room) -> dict[str, object]:
    return {
        "name": room.name,
        "why": room.why,
        "needs": sorted(room.needs),
        "gives": sorted(room.gives),
        "stage": room.stage,
        "optional": room.optional,
        "installed": _installed(room),
    }


def _installed(room: Room) -> bool:
    """Whether the room's folder is there, found without importing the room."""
    folder = room.stage.partition(":")[0].rpartition(".")[0]
    return find_spec(folder) is not None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"

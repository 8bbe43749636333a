"""``penstock explain``: the rooms that every call passes, and the reason for each one's place; with ``--route`` where a
call would go, with ``--replay`` recorded decisions made again."""

from __future__ import annotations

import textwrap
from importlib.util import find_spec

from penstock.cli.asking import add_gateway
from penstock.cli.options import parser, print_json
from penstock.pipeline import ROOMS, Room


def main(arguments: list[str]) -> int:
    wants = parser(
        "explain",
        "Print the rooms that a call passes, in order, and why each stands where it stands.\n"
        "The reply passes the same rooms in reverse.\n"
        "With --route: ask the running gateway where a call would go, without sending it.\n"
        "With --replay: make recorded decisions of routing (observe.routes_file) again.",
        "Exit status: 0; 1 when no gateway runs, or a replayed decision comes out otherwise; 2 for input that is none.",
    )
    wants.add_argument("--route", metavar="FILE", help="a call's body as JSON, - for standard input")
    wants.add_argument(
        "--replay", metavar="FILE", help="recorded decisions, one a line, or as /admin/v1/routes answers"
    )
    route = wants.add_argument_group("whose call --route is")
    route.add_argument("--operation", default="chat", help="chat (as usual), completions, messages, embeddings, ...")
    route.add_argument("--key", metavar="ID", help="of the key with this id (otherwise of nobody)")
    route.add_argument("--session", metavar="NAME", help="of this session (otherwise the body's own, if it has one)")
    route.add_argument("--client", metavar="ADDRESS", help="from this address (127.0.0.1)")
    add_gateway(wants)
    options = wants.parse_args(arguments)
    if options.route is not None or options.replay is not None:
        from penstock.cli import routes

        return routes.route(options) if options.route is not None else routes.replay(options)
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

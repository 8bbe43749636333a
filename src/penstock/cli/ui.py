"""``penstock ui``: prints a link by which this user is logged in to the dashboard of the running gateway, once.

Enters: nothing. Leaves: the link; its token stands behind the #, which no browser sends and no log holds. May fail:
Failure, status 1 where no gateway of this user runs, or it has no dashboard.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from penstock.cli.asking import add_gateway, ask_running
from penstock.cli.failure import Failure
from penstock.cli.options import load_config, parser, print_json


def main(arguments: list[str]) -> int:
    """Ask over the local control socket."""
    options = _parser().parse_args(arguments)
    if find_spec("penstock.edge.dashboard") is None:
        raise Failure("this installation has no edge/dashboard, which it needs")
    if options.end:
        ended = ask_running(options, "ui_link", {"end": True})["ended"]
        if options.json:
            print_json({"ended": ended})
        else:
            print(f"{ended} session{'s' * (ended != 1)} ended")
        return 0
    answer = ask_running(options, "ui_link")
    link = f"{_address(options)}/ui/login#{answer['link']}"
    if options.json:
        print_json({"link": link, "seconds": answer["seconds"]})
    else:
        print(f"{link}\n(good once, for five minutes; whoever has it is you)")
    if options.open:
        import webbrowser

        if not webbrowser.open(link):
            raise Failure("no browser could be opened here: open the link yourself")
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "ui",
        "Print a link that logs you in to the dashboard of the running gateway, once and within five minutes.",
        "Exit status: 0 done, 1 no gateway of this user was found on that port.",
    )
    wants.add_argument("--open", action="store_true", help="open it in a browser, too")
    wants.add_argument("--end", action="store_true", help="make no link; end all sessions instead")
    add_gateway(wants)
    return wants


def _address(options: argparse.Namespace) -> str:
    """Where a browser on this machine reaches the gateway."""
    from penstock.edge.config import ListenConfig

    listen = load_config(options.config).of(ListenConfig)
    host = "127.0.0.1" if listen.host in ("0.0.0.0", "::") else listen.host
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if listen.tls else 'http'}://{host}:{options.port or listen.port}"

"""``penstock restart``: the workers of a running gateway are renewed one by one, and no call notices."""

from __future__ import annotations

from penstock.cli.asking import add_gateway, ask_running
from penstock.cli.failure import Failure
from penstock.cli.options import parser, print_json

SECONDS_A_WORKER = 60.0
MOST_WORKERS = 64


def main(arguments: list[str]) -> int:
    """Ask over the local control socket."""
    wants = parser(
        "restart",
        "Renew the workers of the running gateway one by one: a new process takes the old one's socket, and once it\n"
        "serves the old one accepts nothing more and ends with its last call. Needs listen.workers of 2 or more.\n"
        "What is installed now is what the new processes run; the supervisor stays as it is. SIGUSR2 does the same.",
        "Exit status: 0 all are renewed, 1 not: who was not replaced serves on, or no gateway was found.",
    )
    add_gateway(wants)
    options = wants.parse_args(arguments)
    result = ask_running(options, "restart", within=SECONDS_A_WORKER * MOST_WORKERS)
    if options.json:
        print_json(result)
    elif result["ok"]:
        print(f"all {result['workers']} workers were renewed; the old ones end with their last calls")
    else:
        raise Failure("\n".join(result["problems"]))
    return 0 if result["ok"] else 1

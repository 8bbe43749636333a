"""``penstock reload``: a running gateway takes its changed configuration, or says what is wrong with it."""

from __future__ import annotations

from penstock.cli.asking import add_gateway, ask_running
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import parser, print_json


def main(arguments: list[str]) -> int:
    """Ask over the local control socket."""
    wants = parser(
        "reload",
        "Have the running gateway read its configuration again. A second gateway is built and checked, then swapped\n"
        "in; no call is dropped. A configuration with any problem is refused and the old one keeps serving.",
        "Exit status: 0 taken over, 2 refused, 1 no gateway of this user was found on that port.",
    )
    add_gateway(wants)
    options = wants.parse_args(arguments)
    result = ask_running(options, "reload")
    if options.json:
        print_json(result)
    elif result["ok"]:
        print("the new configuration serves")
    else:
        raise Failure("\n".join([*result["problems"], "(the old configuration keeps serving)"]), WRONG_CONFIG)
    return 0 if result["ok"] else WRONG_CONFIG

"""``penstock reload``: a running gateway takes its changed configuration, or says what is wrong with it."""

from __future__ import annotations

from penstock.cli.asking import ask_running
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import parser, print_json
from penstock.cli.parts import add_anywhere, ask_admin


def main(arguments: list[str]) -> int:
    """Ask over the local control socket, or with a key."""
    wants = parser(
        "reload",
        "Have the running gateway read its configuration again. A second gateway is built and checked, then swapped\n"
        "in; no call is dropped. A configuration with any problem is refused and the old one keeps serving.",
        "Exit status: 0 taken over, 2 refused, 1 no gateway of this user was found on that port.",
    )
    add_anywhere(wants)
    options = wants.parse_args(arguments)
    result = ask_admin(options, "POST", "reload") if options.url else ask_running(options, "reload")
    if options.json:
        print_json(result)
    elif result["ok"]:
        print("the new configuration serves")
    else:
        raise Failure("\n".join([*result["problems"], "(the old configuration keeps serving)"]), WRONG_CONFIG)
    return 0 if result["ok"] else WRONG_CONFIG

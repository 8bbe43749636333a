"""``penstock reload``: a running gateway takes its changed configuration, or says what is wrong with it."""

from __future__ import annotations

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, add_json, load_config, parser, print_json


def main(arguments: list[str]) -> int:
    """Ask over the local control socket."""
    wants = parser(
        "reload",
        "Have the running gateway read its configuration again. A second gateway is built and checked, then swapped\n"
        "in; no call is dropped. A configuration with any problem is refused and the old one keeps serving.",
        "Exit status: 0 taken over, 2 refused, 1 no gateway of this user was found on that port.",
    )
    add_config(wants)
    wants.add_argument("--port", type=int, help="the port of the gateway (as configured)")
    add_json(wants)
    options = wants.parse_args(arguments)

    import asyncio

    from penstock.edge.config import ListenConfig
    from penstock.process.control import ask_gateway, running_ports
    from penstock.process.link import LinkError

    port = options.port or load_config(options.config).of(ListenConfig).port
    try:
        result = asyncio.run(ask_gateway(port, "reload"))
    except (FileNotFoundError, ConnectionError):
        there = ", ".join(map(str, running_ports()))
        hint = f"; there is one on {there} (--port)" if there else ""
        raise Failure(f"no gateway of this user runs on port {port}{hint}") from None
    except OSError as error:
        raise Failure(f"the gateway on port {port} cannot be asked: {error}") from None
    except LinkError as error:
        raise Failure(f"the gateway on port {port} did not answer: {error}") from None
    if options.json:
        print_json(result)
    elif result["ok"]:
        print("the new configuration serves")
    else:
        raise Failure("\n".join([*result["problems"], "(the old configuration keeps serving)"]), WRONG_CONFIG)
    return 0 if result["ok"] else WRONG_CONFIG

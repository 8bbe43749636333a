"""``penstock config``: the config as the gateway would see it."""

from __future__ import annotations

import asyncio
import os
import sys

import yaml

from penstock.cli.options import add_config, add_json, load_config, parser, print_json
from penstock.cli.upstreams import change
from penstock.edge.config import ListenConfig


def main(arguments: list[str]) -> int:
    wants = parser(
        "config",
        "Print the effective config: every key, with its default where the file says nothing. Secrets are masked.",
        "What it prints is itself a config file, but for the masked secrets.\n"
        "What was changed live at a running gateway is told on standard error.",
    )
    add_config(wants)
    add_json(wants)
    options = wants.parse_args(arguments)
    config = load_config(options.config)
    if options.json:
        print_json(config.dump())
    else:
        print(f"# from {config.source}")
        yaml.safe_dump(config.dump(), sys.stdout, sort_keys=False, allow_unicode=True)
    _tell_live(config.of(ListenConfig).port)
    return 0


def _tell_live(port: int) -> None:
    """A word on standard error when a gateway of this user on ``port`` was changed live: no file says so."""
    from penstock.process.control import ask_gateway, control_path
    from penstock.process.link import LinkError

    try:
        if not os.path.exists(control_path(port)):
            return
        status = asyncio.run(ask_gateway(port, "status", within=5.0))
    except (OSError, LinkError):
        return
    told = [change(row) for row in status["live"]]
    told += [f"{row['key']} = {row['value']} (here {row['written']})" for row in status.get("settings", [])]
    for one in told:
        print(f"note: live at the gateway on port {port}, and not in here: {one}", file=sys.stderr)

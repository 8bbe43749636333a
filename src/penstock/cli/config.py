"""``penstock config``: the config as the gateway would see it."""

from __future__ import annotations

import sys

import yaml

from penstock.cli.options import add_config, add_json, load_config, parser, print_json


def main(arguments: list[str]) -> int:
    wants = parser(
        "config",
        "Print the effective config: every key, with its default where the file says nothing. Secrets are masked.",
        "What it prints is itself a config file, but for the masked secrets.",
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
    return 0

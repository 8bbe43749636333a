"""``penstock check``: is this config file fit to serve? Nothing is started and no upstream is asked."""

from __future__ import annotations

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_json, config_path, load_config, parser, print_json
from penstock.routing.config import RoutingConfig


def main(arguments: list[str]) -> int:
    wants = parser(
        "check",
        "Read a config file and say all that is wrong with it, one line a problem:\n"
        '  penstock.yaml:7: unknown key "model_lst"; did you mean "models"?',
        "Exit status: 0 if a gateway would start with it, 2 if not. To try the upstreams too: penstock doctor.",
    )
    wants.add_argument("file", nargs="?", metavar="FILE", help="the config file (otherwise $PENSTOCK_CONFIG)")
    add_json(wants)
    options = wants.parse_args(arguments)
    name = config_path(options.file) or "the environment"
    try:
        config = load_config(options.file)
    except Failure as failure:
        if not options.json:
            raise
        print_json({"ok": False, "config": name, "problems": str(failure).splitlines(), "warnings": []})
        return WRONG_CONFIG
    routing = config.of(RoutingConfig)
    if options.json:
        print_json(
            {
                "ok": True,
                "config": name,
                "problems": [],
                "warnings": config.warnings,
                "upstreams": list(routing.upstreams),
                "models": list(routing.models),
            }
        )
        return 0
    for warning in config.warnings:
        print(f"warning: {warning}")
    print(f"{name} is good: {_count(len(routing.upstreams), 'upstream')}, {_count(len(routing.models), 'model')}")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""What several commands share: their parsers' looks, ``--config`` and ``--json``.

Enters: parsed options. Leaves: a Config, or JSON on standard output. May fail: Failure with status 2, a line a problem.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.config import Config, ConfigError, available_extras

CONFIG_VARIABLE = "PENSTOCK_CONFIG"


def parser(command: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """An empty parser for ``penstock <command>``. Options are not guessed from their beginnings."""
    return argparse.ArgumentParser(
        prog=f"penstock {command}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_config(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help=f"the config file (otherwise ${CONFIG_VARIABLE}, otherwise what the environment offers)",
    )


def add_json(to: argparse.ArgumentParser) -> None:
    to.add_argument("--json", action="store_true", help="print JSON, for programs")


def with_verb(arguments: list[str], verb: str) -> list[str]:
    """The same, beginning with ``verb`` where none is given: ``penstock upstreams --json`` lists them, too."""
    bare = not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"))
    return [verb, *arguments] if bare else arguments


def config_path(given: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The config file to read; None for none."""
    return given or environ.get(CONFIG_VARIABLE) or None


def load_config(
    given: str | None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """What ``--config`` and the environment lead to; ``overrides`` is such as ``{"listen.port": "9000"}``."""
    path = config_path(given, environ)
    texts = overrides or {}
    try:
        if path is not None:
            return Config.load(path, environ).override(texts)
        port = texts.get("listen.port", "")
        own_port = int(port) if port.isascii() and port.isdigit() else None
        return Config.from_environment(environ, available_extras(), own_port).override(texts)
    except ConfigError as error:
        raise Failure("\n".join(error.problems), WRONG_CONFIG) from None


def print_json(value: object) -> None:
    """Print it. Names and prompts are other people's: what a terminal would obey is escaped, as JSON can."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print("".join([one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text]))

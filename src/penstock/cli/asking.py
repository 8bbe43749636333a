"""A question to the running gateway over its local control socket, its failures told in words."""

from __future__ import annotations

import argparse
from typing import Any

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, add_json, load_config


def add_gateway(to: argparse.ArgumentParser) -> None:
    """The options that say which gateway is meant."""
    add_config(to)
    to.add_argument("--port", type=int, help="the port of the gateway (as configured)")
    add_json(to)


def ask_running(options: argparse.Namespace, name: str, value: Any = None, *, within: float = 120.0) -> Any:
    """The answer of the gateway that ``options`` mean. Raises Failure with status 1."""
    import asyncio

    from penstock.edge.config import ListenConfig
    from penstock.process.control import ask_gateway, running_ports
    from penstock.process.link import LinkError

    port = options.port or load_config(options.config).of(ListenConfig).port
    try:
        return asyncio.run(ask_gateway(port, name, value, within=within))
    except (FileNotFoundError, ConnectionError):
        there = ", ".join(map(str, running_ports()))
        hint = f"; there is one on {there} (--port)" if there else ""
        raise Failure(f"no gateway of this user runs on port {port}{hint}") from None
    except OSError as error:
        raise Failure(f"the gateway on port {port} cannot be asked: {error}") from None
    except LinkError as error:
        raise Failure(f"the gateway on port {port} did not answer: {error}") from None


def refused(answer: dict[str, Any]) -> Failure | None:
    """What the gateway said where it did not do as it was asked."""
    if "problems" not in answer or answer.get("ok", True):
        return None
    return Failure("\n".join(answer["problems"]), WRONG_CONFIG)

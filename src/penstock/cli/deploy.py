"""``penstock deploy``: artefacts for what runs Penstock, from the one config.

Enters: a config and a few options. Leaves: text on standard output. May fail: Failure with status 2.
"""

from __future__ import annotations

import argparse
import re
from urllib.parse import urlsplit

from penstock.auth.config import AuthConfig
from penstock.cli import deploy_aws, deploy_hosts, deploy_kubernetes
from penstock.cli.failure import Failure
from penstock.cli.options import add_config, load_config, parser
from penstock.config import Config
from penstock.deploy.nginx import METHODS, Terms, nginx
from penstock.deploy.pool import pool
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig

_PLAIN = re.compile(r"[A-Za-z0-9_.:\[\]/*\-]{1,255}", re.ASCII)
_LISTEN = re.compile(r"(?:[A-Za-z0-9.*\-]{1,250}:|\[[0-9a-fA-F:]{2,45}\]:)?[0-9]{1,5}", re.ASCII)


def main(arguments: list[str]) -> int:
    wants = parser("deploy", "Write what runs Penstock elsewhere, from the one config.")
    kinds = wants.add_subparsers(dest="kind", metavar="KIND", required=True)
    about = "A balancer before gateways (default), or before the model servers of the config."
    kind = kinds.add_parser("nginx", help="a configuration for nginx", description=about)
    add_config(kind)
    kind.add_argument("--servers", metavar="LIST", help="gateways: host:port[=weight],... (the config's own address)")
    kind.add_argument("--upstreams", action="store_true", help="balance the config's upstreams instead of gateways")
    kind.add_argument("--method", choices=tuple(METHODS), default="round_robin")
    kind.add_argument("--listen", default="80", metavar="[HOST:]PORT")
    kind.add_argument("--server-name", default="_", metavar="NAME")
    kind.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="paths on nginx's machine")
    kind.add_argument("--private", action="store_true", help="let /admin, /metrics and /ui pass, too")
    for other in (deploy_kubernetes, deploy_hosts, deploy_aws):
        other.add(kinds)
    options = wants.parse_args(arguments)
    if options.kind == "aws":
        return deploy_aws.write(options)
    if options.kind != "nginx":
        options.run(options)
        return 0
    config = load_config(options.config)
    try:
        print(nginx(pool(_servers(config, options)), _terms(config, options)), end="")
    except ValueError as error:
        raise Failure(f"penstock deploy nginx: {error}", 2) from None
    return 0


def _servers(config: Config, options: argparse.Namespace) -> list[str]:
    if options.servers and options.upstreams:
        raise ValueError("--servers and --upstreams exclude each other")
    if not options.upstreams and config.of(AuthConfig).mode == "open":
        raise ValueError("auth.mode open lets anybody whom nginx lets in spend your money: set it to keys")
    if options.servers:
        return [one for one in str(options.servers).split(",") if one.strip()]
    if not options.upstreams:
        listen = config.of(ListenConfig)
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(listen.host, listen.host)
        return [f"[{host}]:{listen.port}" if ":" in host and not host.startswith("[") else f"{host}:{listen.port}"]
    found = []
    for name, upstream in config.of(RoutingConfig).upstreams.items():
        if not upstream.base_url:
            continue  # it is no server: an engine or an echo of Penstock's own
        parts = urlsplit(upstream.base_url)
        if parts.scheme != "http":
            raise ValueError(f"upstream {name} is reached by TLS; nginx balances plain HTTP here: use Penstock itself")
        found.append(f"{parts.netloc.rpartition('@')[2] if parts.port else f'{parts.hostname}:80'}={upstream.weight}")
    return found


def _terms(config: Config, options: argparse.Namespace) -> Terms:
    listen, routing = config.of(ListenConfig), config.of(RoutingConfig)
    certificate, key = options.tls or ("", "")
    if _LISTEN.fullmatch(options.listen) is None:
        raise ValueError(f'--listen is a port, or an address and a port, not "{options.listen[:100]}"')
    for told in (options.listen, options.server_name, certificate, key):
        if told and _PLAIN.fullmatch(told) is None:
            raise ValueError(f'"{told[:100]}" would not stand as one word in nginx\'s file')
    return Terms(
        method=options.method, listen=options.listen, server_name=options.server_name, certificate=certificate,
        certificate_key=key, connect=routing.timeouts.connect, total=routing.timeouts.total, max_body=listen.max_body,
        max_head=listen.max_head, private=options.private,
    )  # fmt: skip

"""``penstock deploy compose``, ``systemd`` and ``dockerfile``: one host's containers, a service, an image.

Enters: a config file and a few options. Leaves: text on standard output, or files; notes on standard error. May fail:
Failure with status 2.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator

from penstock import __version__
from penstock.auth.config import AuthConfig
from penstock.cli.deploy_facts import There, facts, read, section_of
from penstock.cli.deploy_kubernetes import write
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config
from penstock.config import Config, StoreConfig
from penstock.deploy.carried import Ground
from penstock.deploy.compose import GROUND, KEYS, REDIS, SUBNET, TLS_FOLDER, Terms, compose
from penstock.deploy.dockerfile import dockerfile
from penstock.deploy.facts import Facts
from penstock.deploy.nginx import Terms as Nginx
from penstock.deploy.systemd import STATE, Place, systemd
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}", re.ASCII)
USUAL = Place()
IN_IMAGE = "in the image, with all that it needs"
_LISTEN = re.compile(r"(?:[0-9.]+:|\[[0-9a-fA-F:.]+\]:)?[0-9]{1,5}", re.ASCII)


def add(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The options."""
    about = "Gateways on one host behind nginx, each file written to --out."
    kind = kinds.add_parser("compose", help="containers of one host", description=about)
    add_config(kind)
    kind.add_argument("--out", metavar="DIR", required=True, help="write files there")
    kind.add_argument("--gateways", type=int, default=2, metavar="N", help="how many (2)")
    kind.add_argument("--image", default=f"penstock:{__version__}")
    kind.add_argument("--listen", default="127.0.0.1:8400", metavar="[ADDRESS:]PORT", help="of the host")
    kind.add_argument("--redis", action="store_true", help="a Redis of its own, which becomes the store")
    kind.add_argument("--prometheus", action="store_true", help="a Prometheus that scrapes the gateways")
    kind.set_defaults(run=run_compose)
    about = "A service of one machine: it says when it serves, and ends its calls when it is stopped."
    kind = kinds.add_parser("systemd", help="a unit", description=about)
    add_config(kind)
    kind.add_argument("--program", default=USUAL.program, help=f"penstock's path there ({USUAL.program})")
    kind.add_argument("--config-there", default=USUAL.config, help=f"the config's path there ({USUAL.config})")
    kind.add_argument("--user", default=USUAL.user, help=f"who it runs as ({USUAL.user})")
    kind.set_defaults(run=run_systemd)
    about = "An image from Penstock's source, with the parts that the config needs."
    kind = kinds.add_parser("dockerfile", help="an image", description=about)
    add_config(kind)
    kind.set_defaults(run=run_dockerfile)


def run_compose(options: argparse.Namespace) -> None:
    """Write the files."""
    if _IMAGE.fullmatch(options.image) is None:
        raise Failure("penstock deploy compose: --image is the name of one, such as penstock:0.1.0", WRONG_CONFIG)
    if _LISTEN.fullmatch(options.listen) is None:
        raise Failure("penstock deploy compose: --listen is a port, or 127.0.0.1:8400", WRONG_CONFIG)
    text, config = read(options.config)
    there = There(
        GROUND, KEYS, TLS_FOLDER, f"{GROUND.data}/store.sqlite", f"{GROUND.data}/jobs", REDIS if options.redis else "",
        (SUBNET,),
    )  # fmt: skip
    found = facts(text, config, there)
    listen, routing = config.of(ListenConfig), config.of(RoutingConfig)
    balance = Nginx(
        method="least_conn", listen="8080", connect=routing.timeouts.connect, total=routing.timeouts.total,
        max_body=listen.max_body, max_head=listen.max_head,
    )  # fmt: skip
    terms = Terms(
        gateways=options.gateways, image=options.image, listen=options.listen, redis=options.redis,
        prometheus=options.prometheus, balance=balance,
    )  # fmt: skip
    try:
        files = compose(found, terms)
    except ValueError as error:
        raise Failure(f"penstock deploy compose: {error}", WRONG_CONFIG) from None
    write(options.out, files)
    _tell(_compose_notes(found, terms))


def _compose_notes(found: Facts, terms: Terms) -> Iterator[str]:
    yield from found.carried.remarks
    if found.carried.variables:
        yield "fill in penstock.env, as penstock.env.example has it"
    for name, here in found.carried.files.items():
        yield f"copy {here} to files/{name}"
    if terms.prometheus:
        yield "put a key with the right call into the file metrics-key: docker compose exec gateway-1 penstock keys new"
    if found.store == "memory" and terms.gateways > 1:
        yield "store: memory is not shared: each gateway counts and caches for itself (--redis)"
    yield from found.programs(IN_IMAGE)


def run_systemd(options: argparse.Namespace) -> None:
    """Print the unit. The config stays as it is: it lies on the same kind of machine."""
    text, config = read(options.config)
    ground = Ground(data=STATE)
    there = There(ground, "", "", f"{STATE}/store.sqlite", f"{STATE}/jobs", any_host=False)
    scaling = section_of(config, "scaling", "ScalingConfig")
    own = [] if scaling is None else [pool for pool in scaling.pools.values() if pool.local and pool.local.command]
    place = Place(
        program=options.program, config=options.config_there, user=options.user,
        written=sorted(set(_written(config))), connections=config.of(ListenConfig).max_connections, devices=bool(own),
    )  # fmt: skip
    try:
        found = facts(text, config, there, open_door=True)
        print(systemd(found, place), end="")
    except ValueError as error:
        raise Failure(f"penstock deploy systemd: {error}", WRONG_CONFIG) from None
    _tell(found.programs(f"where {options.user} may run it: the unit sees no /home, and has a /tmp of its own"))
    if config.of(ListenConfig).port and config.of(ListenConfig).port < 1024:
        _tell([f"port {config.of(ListenConfig).port} is root's: put nginx before it, or take one from 1024 on"])


def _written(config: Config) -> Iterator[str]:
    """Folders that the config writes to, beside the state's."""
    observe, jobs = section_of(config, "observe", "ObserveConfig"), section_of(config, "jobs", "JobsConfig")
    store = str(config.of(StoreConfig).store).partition("sqlite:")[2]
    files = [config.of(AuthConfig).key_file, store and os.path.abspath(os.path.expanduser(store))]
    files += [] if observe is None else [observe.log_file, observe.routes_file]
    folders = [os.path.dirname(path) for path in files if path]
    folders += [jobs.directory] if jobs is not None and jobs.directory else []
    yield from (folder for folder in folders if not folder.startswith(STATE))


def run_dockerfile(options: argparse.Namespace) -> None:
    """Print it."""
    text, config = read(options.config)
    there = There(GROUND, KEYS, TLS_FOLDER, f"{GROUND.data}/store.sqlite", f"{GROUND.data}/jobs")
    found = facts(text, config, there)
    print(dockerfile(found), end="")
    _tell(found.programs(IN_IMAGE))


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"note:    {line}", file=sys.stderr)

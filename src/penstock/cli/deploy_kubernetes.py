"""``penstock deploy kubernetes``: manifests, or a Helm chart, from the one config.

Enters: a config file and a few options. Leaves: YAML on standard output, or files; on standard error what must be there
first, and what works otherwise than here. May fail: Failure with status 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

from penstock import __version__
from penstock.cli.deploy_facts import There, facts, read
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config
from penstock.core.units import parse_size
from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.chart import chart
from penstock.deploy.kubernetes.manifests import before, manifests, one_text, warnings
from penstock.deploy.kubernetes.numbers import APIS
from penstock.deploy.kubernetes.terms import Scaled, Terms
from penstock.deploy.kubernetes.workload import GROUND, KEYS_FOLDER, SHARED_FOLDER, TLS_FOLDER

ABOUT = """\
Objects that run gateways in a cluster: plain manifests for `kubectl apply -f -`, or with --helm a chart. No secret
stands in them: what the config takes from the environment comes from a Secret there, and so does a key that stands in
the config itself.
"""


def add(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The options."""
    kind = kinds.add_parser("kubernetes", help="manifests, or a Helm chart", description=ABOUT)
    add_config(kind)
    kind.add_argument("--helm", action="store_true", help="write a chart (with --out)")
    kind.add_argument("--out", metavar="DIR", help="write files there, one an object")
    kind.add_argument("--name", default="penstock", help="of the objects (penstock)")
    kind.add_argument("--namespace", default="default", help="where they are (default)")
    kind.add_argument("--image", default=f"penstock:{__version__}", metavar="REPOSITORY:TAG")
    kind.add_argument("--replicas", type=int, metavar="N", help="gateways, the least where they are scaled (2)")
    kind.add_argument("--max", type=int, default=10, metavar="N", help="gateways at most (10)")
    kind.add_argument("--scaler", choices=("hpa", "keda", "none"), default="hpa", help="what scales the gateways (hpa)")
    kind.add_argument("--calls", type=int, default=0, metavar="N", help="also by N calls in flight a gateway (hpa)")
    kind.add_argument("--scale", action="append", default=[], metavar="POOL=KIND/NAME",
                      help="KEDA scales this workload by what is published of the pool")  # fmt: skip
    kind.add_argument("--cpu", default="", help="asked for, a gateway: 500m (one core a worker)")
    kind.add_argument("--memory", default="", help="a gateway: 2GiB (what memory.limit needs)")
    kind.add_argument("--claim", default="", metavar="NAME", help="a volume claim that all share, for batch jobs")
    kind.add_argument("--service-monitor", action="store_true", help="for the Prometheus operator")
    kind.add_argument("--headless", action="store_true", help="a second service that tells each gateway's address")
    kind.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write it."""
    text, config = read(options.config)
    replicas = options.replicas
    if replicas is None:
        replicas = 1 if facts(text, config, _there("")).store == "sqlite" else 2
    try:
        terms = _terms(options, replicas)
        many = replicas > 1 or (options.scaler != "none" and terms.most > replicas)
        found = facts(text, config, _there(_jobs_folder(terms, many)))
        if found.store == "sqlite":
            found = facts(text, config, _there(f"{GROUND.data}/jobs"))
        files = chart(found, terms, __version__) if options.helm else manifests(found, terms)
    except ValueError as error:
        raise Failure(f"penstock deploy kubernetes: {error}", WRONG_CONFIG) from None
    if options.helm and not options.out:
        raise Failure("a chart is several files: say where, with --out DIR", WRONG_CONFIG)
    if options.out:
        write(options.out, files)
    else:
        print(one_text(files), end="")
    _tell(found, terms)


def _there(jobs: str | None) -> There:
    return There(GROUND, f"{KEYS_FOLDER}/keys.json", TLS_FOLDER, f"{GROUND.data}/store.sqlite", jobs)


def _jobs_folder(terms: Terms, many: bool) -> str | None:
    if terms.claim:
        return f"{SHARED_FOLDER}/jobs"
    return None if many else f"{GROUND.data}/jobs"


def _terms(options: argparse.Namespace, replicas: int) -> Terms:
    image, _, tag = str(options.image).rpartition(":")
    if not image or "/" in tag:
        image, tag = str(options.image), "latest"
    return Terms(
        name=options.name, namespace=options.namespace, image=image, tag=tag, replicas=replicas, most=options.max,
        scaler=options.scaler, cpu=options.cpu, memory=parse_size(options.memory) if options.memory else 0,
        calls=options.calls, claim=options.claim, monitor=options.service_monitor, headless=options.headless,
        scaled=tuple(_scaled(one) for one in options.scale),
    )  # fmt: skip


def _scaled(text: str) -> Scaled:
    pool, _, workload = text.partition("=")
    kind, _, name = workload.partition("/")
    known = {one.lower(): one for one in APIS}
    if kind.lower() not in known or not pool or not name:
        raise ValueError(f'"{text[:200]}" is not POOL=KIND/NAME; kinds are {", ".join(APIS)}')
    return Scaled(pool, known[kind.lower()], name)


def write(folder: str, files: Mapping[str, str]) -> None:
    """Write ``files`` under ``folder``, replacing those of the same names and no others."""
    try:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror or error}") from None


def _tell(found: Facts, terms: Terms) -> None:
    for line in before(found, terms):
        print(f"first:   {line}", file=sys.stderr)
    for line in warnings(found, terms):
        print(f"note:    {line}", file=sys.stderr)

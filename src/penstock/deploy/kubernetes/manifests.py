"""All objects that run Penstock in a cluster, in the order in which they are made, and what must be there first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.access import account, roles
from penstock.deploy.kubernetes.network import network_policy, services
from penstock.deploy.kubernetes.numbers import budget, monitor, scalers
from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.kubernetes.workload import claim, config_map, deployment
from penstock.deploy.tree import Document, text_of

HEAD = "# Written by `penstock deploy kubernetes`: change the config, or its options, and write it again.\n"


def documents(facts: Facts, terms: Terms) -> list[Document]:
    """The objects. Raises ValueError where the config and the terms do not go together."""
    if problem := terms.problem(facts):
        raise ValueError(problem)
    names = Names(terms)
    return [
        account(facts, names),
        *roles(facts, terms, names),
        config_map(facts, names),
        *claim(facts, names),
        *services(facts, terms, names),
        network_policy(facts, terms, names),
        deployment(facts, terms, names),
        budget(names),
        *scalers(facts, terms, names),
        monitor(facts, terms, names),
    ]


def manifests(facts: Facts, terms: Terms) -> dict[str, str]:
    """The text of each object, by the name of its file. Raises ValueError."""
    return {f"{one.file}.yaml": HEAD + text_of(one.tree) for one in documents(facts, terms) if one.is_there}


def one_text(texts: dict[str, str]) -> str:
    """All of them in one file."""
    return HEAD + "---\n".join(text.removeprefix(HEAD) for text in texts.values())


def before(facts: Facts, terms: Terms) -> Iterator[str]:
    """What must be there before the objects are: commands, and what they are for. No secret stands in any of them."""
    create = f"kubectl -n {terms.namespace} create secret"
    yield f"{create} generic {terms.name}-keys --from-file=keys.json=PATH   # `penstock keys new` makes it; hashes only"
    if facts.carried.variables:
        wanted = ", ".join(one.name + (" (may be missing)" if one.optional else "") for one in facts.carried.variables)
        yield f"{create} generic {terms.name}-env --from-env-file=PATH   # {wanted}"
    if facts.tls:
        yield f"{create} tls {terms.name}-tls --cert=PATH --key=PATH"
    if facts.carried.files:
        files = " ".join(f"--from-file={name}={shlex.quote(here)}" for name, here in facts.carried.files.items())
        yield f"{create} generic {terms.name}-files {files}"
    if terms.monitor:
        yield f"{create} generic {terms.name}-metrics-key --from-file=key=PATH   # a key with the right call"
    if terms.scaled and not terms.is_pushed(facts):
        yield f"{create} generic {terms.name}-admin-key --from-file=key=PATH   # a key with the right admin"


def warnings(facts: Facts, terms: Terms) -> Iterator[str]:
    """What works, but perhaps not as meant."""
    yield from facts.carried.remarks
    many = terms.are_many(facts)
    if facts.store == "memory" and many:
        yield "store: memory is not shared: each pod counts and caches for itself, and forgets when it ends"
    if facts.store != "sqlite" and many and facts.jobs and not terms.claim:
        yield (
            "jobs.enabled: there it is false, for all pods must see the files of batch jobs: name a claim that they"
            " share (--claim NAME, ReadWriteMany)"
        )
    moved = [pool.name for pool in facts.pools if pool.actuator == "kubernetes"]
    if moved and many:
        yield (
            f"pool {', '.join(moved)}: every pod decides how many replicas it has, by what it sees itself: let one"
            " gateway do that (--replicas 1 --scaler none), or KEDA (actuator signal, --scale)"
        )
    if any(pool.actuator == "local" for pool in facts.pools) or "local" in facts.extras:
        yield "engines of kind local run inside the gateways' pods, and share their memory and cores (--memory, --cpu)"
    yield from facts.programs("in the image (--image), with all that it needs")
    for reach in facts.reaches:
        if reach.host == "localhost" or reach.host.startswith("127."):
            yield f"{reach.host}:{reach.port} is the pod itself there: name the service"

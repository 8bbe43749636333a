"""How gateways are reached, and what they may reach. Pure.

A NetworkPolicy knows addresses and pods, not names: a name outside the cluster becomes its port, anywhere but where
clouds keep their metadata. Ports of services are not those of pods, on which policies act: within the cluster a name
opens its namespace.
"""

from __future__ import annotations

import ipaddress

from penstock.core.kubernetes import is_label
from penstock.deploy.facts import ANYWHERE, Facts, Reach, address_of
from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.tree import Document, Hole, Tree

METADATA = ("169.254.169.254/32", "fd00:ec2::254/128")
API_PORTS = (443, 6443)
COMPONENT = "app.kubernetes.io/component"


def services(facts: Facts, terms: Terms, names: Names) -> list[Document]:
    """The Service, and one that tells every pod's address, for balancers that choose themselves."""
    port = {
        "name": "https" if facts.tls else "http",
        "port": Hole("service.port", facts.port),
        "targetPort": "https" if facts.tls else "http",
        "protocol": "TCP",
        "appProtocol": "https" if facts.tls else "http",
    }
    spec: dict[str, Tree] = {"selector": names.selector}
    keda = {"name": "keda", "port": facts.keda, "targetPort": "keda", "protocol": "TCP", "appProtocol": "grpc"}
    ports = [port, keda] if facts.keda else [port]
    annotations = Hole("service.annotations", {}, optional=True)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _marked(names.meta(annotations=annotations), "gateway"),
        "spec": {"type": Hole("service.type", "ClusterIP"), **spec, "ports": ports},
    }
    headless = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _marked(names.meta("pods"), "pods"),
        "spec": {"clusterIP": "None", **spec, "ports": [{**port, "port": facts.port}]},
    }
    return [Document("service", service), Document("service-pods", headless, Hole("headless.enabled", terms.headless))]


def _marked(meta: dict[str, Tree], component: str) -> dict[str, Tree]:
    """Two services of the same pods, told apart: else each pod would be scraped twice."""
    return {**meta, "labels": {**meta["labels"], COMPONENT: component}}


def network_policy(facts: Facts, terms: Terms, names: Names) -> Document:
    """In: the port. Out: name servers, and what the config names."""
    come: dict[str, Tree] = {"from": Hole("networkPolicy.from", [], optional=True)}
    port = "https" if facts.tls else "http"
    asks: dict[str, Tree] = {"from": Hole("networkPolicy.keda", [], optional=True)}
    told: list[Tree] = [{"ports": [{"port": "keda", "protocol": "TCP"}], **asks}] if facts.keda else []
    tree = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": names.meta(),
        "spec": {
            "podSelector": {"matchLabels": names.selector},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}], **come}, *told],
            "egress": _egress(facts, terms),
        },
    }
    return Document("networkpolicy", tree, Hole("networkPolicy.enabled", True))


def _egress(facts: Facts, terms: Terms) -> list[Tree]:
    names: Tree = {"ports": [{"port": 53, "protocol": kind} for kind in ("UDP", "TCP")], "to": _anywhere()}
    rules = [names]
    ports: set[int] = set(API_PORTS if facts.asks_kubernetes else ())
    blocks: set[tuple[str, int]] = set()
    spaces: set[str] = {space or terms.namespace for space in facts.watched}
    for reach in facts.reaches:
        address = address_of(reach.host)
        if reach.host == "localhost":
            continue
        if address is not None:
            known = any(address in ipaddress.ip_network(one) for one in METADATA)
            if not (address.is_loopback or address.is_link_local or known):
                blocks.add((f"{address}/{address.max_prefixlen}", reach.port))
        elif reach.host == ANYWHERE:
            ports.add(reach.port)
        elif (space := _space(reach, terms)) is not None:
            spaces.add(space)
        else:
            ports.add(reach.port)
    if 0 in ports:
        rules.append({"to": _anywhere()})
    elif ports:
        rules.append({"ports": [{"port": port, "protocol": "TCP"} for port in sorted(ports)], "to": _anywhere()})
    rules += [{"to": [{"ipBlock": {"cidr": cidr}}], **_port(port)} for cidr, port in sorted(blocks)]
    for space in sorted(spaces):
        rules.append({"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}}}]})
    return rules


def _port(port: int) -> dict[str, Tree]:
    return {"ports": [{"port": port, "protocol": "TCP"}]} if port else {}


def _anywhere() -> list[Tree]:
    four, six = METADATA
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [four]}},
        {"ipBlock": {"cidr": "::/0", "except": [six]}},
    ]


def _space(reach: Reach, terms: Terms) -> str | None:
    """The namespace of a service of this cluster, ``service``, ``service.space.svc`` or in full; None for a name that
    may be outside."""
    labels = reach.host.rstrip(".").lower().removesuffix(".cluster.local").split(".")
    if len(labels) == 1:
        return terms.namespace
    return labels[-2] if labels[-1] == "svc" and is_label(labels[-2]) else None

"""How many pods there are, of gateways and of the pools that others scale; how many may be missing; who reads. Pure."""

from __future__ import annotations

import json
from urllib.parse import quote

from penstock.core.kubernetes import label_of
from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.network import COMPONENT
from penstock.deploy.kubernetes.terms import Names, Scaled, Terms
from penstock.deploy.tree import Document, Hole, Tree

CPU_PERCENT = 70
LONGEST_POOL = 9
"""In the name of a ScaledObject, which KEDA writes into a label of 63 signs; a release has up to 53."""
IN_FLIGHT = "penstock_in_flight"
APIS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1",
}


def budget(names: Names) -> Document:
    """One at a time may be taken away on purpose."""
    tree = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.meta(),
        "spec": {
            "maxUnavailable": Hole("disruptionBudget.maxUnavailable", 1),
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": names.selector},
        },
    }
    return Document("poddisruptionbudget", tree)


def scalers(facts: Facts, terms: Terms, names: Names) -> list[Document]:
    """Of the gateways, by CPU and, where asked for, by calls in flight; of pools, by what Penstock says of them."""
    found = []
    if terms.is_scaled(facts):
        keda = terms.scaler == "keda"
        found.append(_scaled_gateways(terms, names) if keda else _autoscaler(terms, names))
    if terms.scaled:
        found += [] if terms.is_pushed(facts) else [_key(names)]
        found += [_scaled_pool(one, facts, terms, names) for one in terms.scaled]
    return found


def _autoscaler(terms: Terms, names: Names) -> Document:
    percent = Hole("autoscaling.cpu", CPU_PERCENT)
    target: Tree = {"type": "Utilization", "averageUtilization": percent}
    metrics: list[Tree] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if terms.calls:
        value: Tree = {"type": "AverageValue", "averageValue": str(terms.calls)}
        metrics.append({"type": "Pods", "pods": {"metric": {"name": IN_FLIGHT}, "target": value}})
    tree = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": names.meta(),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": names.release},
            "minReplicas": Hole("autoscaling.min", terms.replicas),
            "maxReplicas": Hole("autoscaling.max", terms.most),
            "metrics": metrics,
            "behavior": _behaviour(),
        },
    }
    return Document("horizontalpodautoscaler", tree)


def _behaviour() -> Tree:
    """Out at once, in slowly: a pod that goes ends the streams of its callers."""
    out = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 30}]}
    back = {"stabilizationWindowSeconds": 300, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    return {"scaleUp": out, "scaleDown": back}


def _scaled_gateways(terms: Terms, names: Names) -> Document:
    value = Hole("autoscaling.cpu", str(CPU_PERCENT), "toString .Values.autoscaling.cpu")
    tree = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": names.meta(),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": names.release},
            "minReplicaCount": Hole("autoscaling.min", terms.replicas),
            "maxReplicaCount": Hole("autoscaling.max", terms.most),
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behaviour()}},
            "triggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": value}}],
        },
    }
    return Document("scaledobject", tree)


def _key(names: Names) -> Document:
    """The admin key with which KEDA asks."""
    tree = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": names.meta("keda"),
        "spec": {"secretTargetRef": [{"parameter": "token", "name": names.of("admin-key"), "key": "key"}]},
    }
    return Document("triggerauthentication", tree)


def _scaled_pool(one: Scaled, facts: Facts, terms: Terms, names: Names) -> Document:
    pool = next(pool for pool in facts.pools if pool.name == one.pool)
    label = label_of(one.pool, 40)
    trigger = _pushed(one, facts, names) if terms.is_pushed(facts) else _asked(one, facts, names)
    tree = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {**names.meta(), "name": names.joined(f"%s-{label_of(one.pool, LONGEST_POOL)}")},
        "spec": {
            "scaleTargetRef": {"apiVersion": APIS[one.kind], "kind": one.kind, "name": one.name},
            "pollingInterval": 5,
            "minReplicaCount": pool.least,
            "maxReplicaCount": pool.most,
            "triggers": [trigger],
        },
    }
    return Document(f"scaledobject-{label}", tree)


def _pushed(one: Scaled, facts: Facts, names: Names) -> Tree:
    """Told over gRPC, from no replica to the first at once."""
    place = f"{names.release.value}.{names.namespace.value}.svc:{facts.keda}"
    address = Hole("", place, f'printf "%s.%s.svc:{facts.keda}" .Release.Name .Release.Namespace')
    return {"type": "external-push", "metadata": {"scalerAddress": address, "pool": one.pool}}


def _asked(one: Scaled, facts: Facts, names: Names) -> Tree:
    """Each gateway is asked over HTTP, with a key, and what they say is added up: each sees its own callers alone."""
    path = f"{'https' if facts.tls else 'http'}://%s.%s.svc:{facts.port}/admin/v1/scaling/"
    name = quote(one.pool, safe="")  # after the format: it may hold a percent sign
    url = Hole(
        "",
        path % (names.release.value, names.namespace.value) + name,
        f"print (printf {json.dumps(path)} .Release.Name .Release.Namespace) {json.dumps(name)}",
    )
    return {
        "type": "metrics-api",
        "metricType": "AverageValue",
        "metadata": {
            "url": url,  # the pods' port: it is they who are asked
            "valueLocation": "desired_replicas",
            "targetValue": "1",
            "authMode": "bearer",
            "aggregateFromKubeServiceEndpoints": "true",
            "aggregationType": "sum",
        },
        "authenticationRef": {"name": names.of("keda")},
    }


def monitor(facts: Facts, terms: Terms, names: Names) -> Document:
    """For the Prometheus operator. /metrics wants a key wherever it is not asked from the same machine."""
    endpoint: dict[str, Tree] = {
        "port": "https" if facts.tls else "http",
        "path": "/metrics",
        "interval": Hole("serviceMonitor.interval", "15s"),
        "authorization": {"type": "Bearer", "credentials": {"name": names.of("metrics-key"), "key": "key"}},
    }
    if facts.tls:
        endpoint["scheme"] = "https"
        host = f"{names.release.value}.{names.namespace.value}.svc"
        server = Hole("", host, 'printf "%s.%s.svc" .Release.Name .Release.Namespace')
        authority = {"secret": {"name": names.of("tls"), "key": "ca.crt"}}
        endpoint["tlsConfig"] = {"serverName": server, "ca": authority}
    tree = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": names.meta(),
        "spec": {"selector": {"matchLabels": {**names.selector, COMPONENT: "gateway"}}, "endpoints": [endpoint]},
    }
    return Document("servicemonitor", tree, Hole("serviceMonitor.enabled", terms.monitor))

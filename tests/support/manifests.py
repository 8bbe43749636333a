"""Whether objects are what Kubernetes takes: its own schemas, and for three kinds of others what their makers ask."""

from __future__ import annotations

import functools
import re
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

VERSIONS = ("1.31.0", kubernetes_validate.latest_version())
"""The oldest that is still looked after by clouds, and the newest that is known."""
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
OTHERS = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}


def loaded(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if one is not None]


@functools.cache
def _definitions(version: str) -> Registry:
    folder = f"kubernetes-json-schema/v{version}-local-strict"
    return (Resource.from_contents(schema_contents(f"{folder}/_definitions.json", version)) @ Registry()).crawl()


@functools.cache
def validator(kind: str, api: str, version: str) -> jsonschema.protocols.Validator:
    """As kubernetes_validate.validate makes one for each object, which takes it a third of a second."""
    name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = schema_contents(f"kubernetes-json-schema/v{version}-local-strict/{kind.lower()}-{name}.json", version)
    registry = Resource.from_contents(schema) @ _definitions(version)
    return jsonschema.validators.Draft202012Validator(schema, registry=registry)


def check(objects: list[dict[str, Any]], versions: tuple[str, ...] = VERSIONS) -> None:
    """Raises where one of them is wrong, or two have one name."""
    seen = set()
    for one in objects:
        meta = one["metadata"]
        key = (one["kind"], meta["namespace"], meta["name"])
        assert key not in seen, key
        seen.add(key)
        assert NAME.fullmatch(meta["name"]), meta["name"]
        assert LABEL.fullmatch(meta["namespace"])
        if one["kind"] == "Service":
            assert LABEL.fullmatch(meta["name"])
        for value in meta["labels"].values():
            assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", value), value
        if one["kind"] == "ScaledObject":
            assert LABEL.fullmatch(meta["name"]), "KEDA writes it into a label"
        if one["apiVersion"] in OTHERS:
            FOREIGN[one["kind"]](one["spec"])
            continue
        for version in versions:
            validator(one["kind"], one["apiVersion"], version).validate(one)
        if one["kind"] == "Deployment":
            _pod(one["spec"]["template"]["spec"])


def _pod(spec: dict[str, Any]) -> None:
    """What schemas do not say: names fit, mounts have volumes, ports have names that probes use."""
    (container,) = spec["containers"]
    volumes = [one["name"] for one in spec["volumes"]]
    assert len(set(volumes)) == len(volumes)
    assert sorted(one["name"] for one in container["volumeMounts"]) == sorted(volumes)
    ports = {one["name"] for one in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    names = [one["name"] for one in container["env"]]
    assert len(set(names)) == len(names)
    assert all(VARIABLE.fullmatch(name) for name in names)
    assert all(LABEL.fullmatch(one) for one in volumes)


def _scaled_object(spec: dict[str, Any]) -> None:
    """https://keda.sh: the fields of a ScaledObject that are written here."""
    assert set(spec) <= {
        "scaleTargetRef", "pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount", "advanced",
        "triggers",
    }  # fmt: skip
    assert set(spec["scaleTargetRef"]) == {"apiVersion", "kind", "name"}
    assert 0 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
    for trigger in spec["triggers"]:
        assert set(trigger) <= {"type", "metricType", "metadata", "authenticationRef", "name"}
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes text alone here"
        if trigger["type"] == "metrics-api":
            assert {"url", "valueLocation", "targetValue"} <= set(trigger["metadata"])
            assert trigger["metadata"]["authMode"] == "bearer"
            assert trigger["authenticationRef"]["name"]
        elif trigger["type"] == "external-push":
            assert set(trigger["metadata"]) == {"scalerAddress", "pool"}
        else:
            assert trigger["type"] == "cpu"
            assert trigger["metricType"] == "Utilization"


def _authentication(spec: dict[str, Any]) -> None:
    for one in spec["secretTargetRef"]:
        assert set(one) == {"parameter", "name", "key"}


def _monitor(spec: dict[str, Any]) -> None:
    """https://prometheus-operator.dev: the fields of a ServiceMonitor that are written here."""
    assert set(spec) == {"selector", "endpoints"}
    for endpoint in spec["endpoints"]:
        assert set(endpoint) <= {"port", "path", "interval", "authorization", "scheme", "tlsConfig"}
        assert set(endpoint["authorization"]["credentials"]) == {"name", "key"}


FOREIGN = {"ScaledObject": _scaled_object, "TriggerAuthentication": _authentication, "ServiceMonitor": _monitor}

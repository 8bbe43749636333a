"""The Deployment of gateways, with what its pods read: config, secrets, keys, files. Pure.

A pod that must go is told nothing for ``LEAVE_SECONDS`` while the cluster learns that it is going (preStop), then it
accepts no more and ends its calls within ``listen.drain``; the grace period covers both.
"""

from __future__ import annotations

from penstock.deploy.carried import Ground
from penstock.deploy.facts import MIB, Facts
from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.tree import Document, Hole, Tree

GROUND = Ground()
CONFIG_FOLDER = "/etc/penstock/config"
CONFIG_FILE = "penstock.yaml"
KEYS_FOLDER = "/etc/penstock/keys"
TLS_FOLDER = "/etc/penstock/tls"
SHARED_FOLDER = "/var/lib/penstock-shared"
RUNTIME_FOLDER = "/run/penstock"
USER = 10001
LEAVE_SECONDS = 5


def config_map(facts: Facts, names: Names) -> Document:
    """The config, as it was carried."""
    tree = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": names.meta("config"),
        "data": {CONFIG_FILE: Hole("config", facts.carried.text)},
    }
    return Document("configmap", tree)


def claim(facts: Facts, names: Names) -> list[Document]:
    """The volume of a store that is a file."""
    if facts.store != "sqlite":
        return []
    tree = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": names.meta("data"),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": Hole("persistence.storageClass", "", optional=True),
            "resources": {"requests": {"storage": Hole("persistence.size", "8Gi")}},
        },
    }
    return [Document("persistentvolumeclaim", tree)]


def deployment(facts: Facts, terms: Terms, names: Names) -> Document:
    """The gateways."""
    spec: dict[str, Tree] = {
        "revisionHistoryLimit": 5,
        "minReadySeconds": 5,
        "strategy": _strategy(facts),
        "selector": {"matchLabels": names.selector},
        "template": {
            "metadata": {
                "labels": {**names.selector, "app.kubernetes.io/part-of": "penstock"},
                "annotations": Hole("podAnnotations", {}, optional=True),
            },
            "spec": _pod(facts, terms, names),
        },
    }
    if not terms.is_scaled(facts):  # a scaler's number would be undone by each apply
        spec = {"replicas": Hole("replicas", terms.replicas), **spec}
    tree = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": names.meta(), "spec": spec}
    return Document("deployment", tree)


def _strategy(facts: Facts) -> Tree:
    if facts.store == "sqlite":
        return {"type": "Recreate"}  # the volume is one pod's at a time
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _pod(facts: Facts, terms: Terms, names: Names) -> Tree:
    mounts, volumes = _volumes(facts, terms, names)
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": names.selector},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return {
        "serviceAccountName": names.release,
        "automountServiceAccountToken": facts.asks_kubernetes,
        "enableServiceLinks": False,  # a service named penstock would set variables named PENSTOCK_…
        "terminationGracePeriodSeconds": LEAVE_SECONDS + facts.grace,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": spread,
        "priorityClassName": Hole("priorityClassName", "", optional=True),
        "nodeSelector": Hole("nodeSelector", {}, optional=True),
        "tolerations": Hole("tolerations", [], optional=True),
        "affinity": Hole("affinity", {}, optional=True),
        "imagePullSecrets": Hole("image.pullSecrets", [], optional=True),
        "containers": [_container(facts, terms, names, mounts)],
        "volumes": volumes,
    }


def _container(facts: Facts, terms: Terms, names: Names, mounts: Tree) -> Tree:
    cpu = terms.cpu or str(facts.workers)  # a worker is one event loop: one core is all that it can use
    memory = terms.memory or facts.container_memory
    size = f"{memory // MIB}Mi"
    resources = {"requests": {"cpu": cpu, "memory": size}, "limits": {"memory": size}}
    image = Hole("", f"{terms.image}:{terms.tag}", 'printf "%v:%v" .Values.image.repository .Values.image.tag')
    return {
        "name": "penstock",
        "image": image,
        "imagePullPolicy": Hole("image.pullPolicy", "IfNotPresent"),
        "args": ["serve", "--config", f"{CONFIG_FOLDER}/{CONFIG_FILE}"],
        "env": [*_folders(), *_variables(facts, names)],
        "ports": [
            {"name": "https" if facts.tls else "http", "containerPort": facts.port, "protocol": "TCP"},
            *([{"name": "keda", "containerPort": facts.keda, "protocol": "TCP"}] if facts.keda else []),
        ],
        "startupProbe": {**_probe(facts, "/health/live"), "periodSeconds": 1, "failureThreshold": 120},
        "livenessProbe": {**_probe(facts, "/health/live"), "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {**_probe(facts, "/health/ready"), "periodSeconds": 2, "failureThreshold": 2},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(LEAVE_SECONDS)]}}},
        "resources": Hole("resources", resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _probe(facts: Facts, path: str) -> dict[str, Tree]:
    scheme = "HTTPS" if facts.tls else "HTTP"
    name = "https" if facts.tls else "http"
    return {"httpGet": {"path": path, "port": name, "scheme": scheme}, "timeoutSeconds": 3}


def _folders() -> list[Tree]:
    homes = {"HOME": GROUND.data, "XDG_RUNTIME_DIR": RUNTIME_FOLDER, "XDG_CONFIG_HOME": f"{GROUND.data}/config"}
    return [{"name": name, "value": value} for name, value in homes.items()]


def _variables(facts: Facts, names: Names) -> list[Tree]:
    """Each by name, out of one Secret: no value stands in any manifest."""
    return [
        {
            "name": one.name,
            "valueFrom": {"secretKeyRef": {"name": names.of("env"), "key": one.name, "optional": one.optional}},
        }
        for one in facts.carried.variables
    ]


def _volumes(facts: Facts, terms: Terms, names: Names) -> tuple[list[Tree], list[Tree]]:
    """Mounts and volumes. Secrets may be read by the pod's group alone."""
    found: list[tuple[str, str, bool, Tree]] = [
        ("config", CONFIG_FOLDER, True, {"configMap": {"name": names.of("config")}}),
        ("keys", KEYS_FOLDER, True, {"secret": {"secretName": names.of("keys"), "defaultMode": 0o440}}),
        ("tmp", "/tmp", False, {"emptyDir": {"sizeLimit": "1Gi"}}),
        ("run", RUNTIME_FOLDER, False, {"emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}),
    ]
    if facts.store == "sqlite":
        data: Tree = {"persistentVolumeClaim": {"claimName": names.of("data")}}
    else:
        data = {"emptyDir": {"sizeLimit": "8Gi"}}
    found.append(("data", GROUND.data, False, data))
    if terms.claim:
        found.append(("shared", SHARED_FOLDER, False, {"persistentVolumeClaim": {"claimName": terms.claim}}))
    if facts.tls:
        found.append(("tls", TLS_FOLDER, True, {"secret": {"secretName": names.of("tls"), "defaultMode": 0o440}}))
    if facts.carried.files:
        files: Tree = {"secret": {"secretName": names.of("files"), "defaultMode": 0o440}}
        found.append(("files", GROUND.files, True, files))
    mounts: list[Tree] = [
        {"name": name, "mountPath": path, **({"readOnly": True} if fixed else {})} for name, path, fixed, _ in found
    ]
    return mounts, [{"name": name, **source} for name, _, _, source in found]

"""A Kubernetes API server with one workload: its scale subresource, and pods that come and go as the real one has it.

On 127.0.0.1, over TLS. A ReplicaSet gives up pods that are not ready first, then by deletion cost, then the youngest;
what numbers its pods, the highest. Written from Kubernetes' documentation, with nothing of ours but the certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

from penstock.net.tls import server_context

COST = "controller.kubernetes.io/pod-deletion-cost"


@dataclass
class Pod:
    name: str
    born: int
    ready: bool = False
    ip: str = ""
    goes: bool = False
    annotations: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, str] | None = None
    unscheduled: str = ""
    template: int = 1

    def told(self) -> dict[str, Any]:
        def time(seconds: int) -> str:
            return f"2026-11-26T10:{seconds // 60:02}:{seconds % 60:02}Z"

        conditions = [
            {"type": "Ready", "status": str(self.ready), "lastTransitionTime": time(self.born + 30 * self.ready)},
        ]
        if self.unscheduled:
            conditions.append({"type": "PodScheduled", "status": "False", "message": self.unscheduled})
        metadata: dict[str, Any] = {
            "name": self.name, "creationTimestamp": time(self.born), "annotations": self.annotations or None,
            "labels": {"app": "vllm", "pod-template-hash": f"hash{self.template}"},
        }  # fmt: skip
        if self.goes:
            metadata["deletionTimestamp"] = time(self.born + 60)
        state = {"waiting": dict(zip(("reason", "message"), self.waiting, strict=True))} if self.waiting else {}
        return {
            "metadata": metadata,
            "spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 8000, "name": "http"}]}]},
            "status": {
                "phase": "Running" if self.ip else "Pending",
                "podIP": self.ip or None,
                "conditions": conditions,
                "containerStatuses": [{"name": "engine", "state": state}],
            },
        }


class Cluster:
    """``interfere`` runs before a PATCH of the scale is looked at. ``forbidden``: beginnings of "METHOD path$"."""

    def __init__(self, path: str, numbered: bool = False) -> None:
        self.path = path
        self.numbered = numbered
        self.replicas = 0
        self.version = 1
        self.clock = 0
        self.pods: list[Pod] = []
        self.asked: list[str] = []
        self.token = "first"
        self.forbidden: tuple[str, ...] = ()
        self.interfere: Callable[[], None] = lambda: None
        self.page = 500
        self.port = 0
        self.template = 1
        self.strategy = "RollingUpdate"
        self.resources: dict[str, dict[str, str]] = {"requests": {"cpu": "500m", "memory": "1Gi"}}
        self.used: list[dict[str, str]] | None = None

    # ---- what a controller does

    def scale(self, count: int) -> None:
        self.replicas = count
        self.version += 1
        standing = [pod for pod in self.pods if not pod.goes]
        while len(standing) < count:
            self.clock += 1
            number = len(standing) if self.numbered else self.clock
            pod = Pod(f"vllm-{number}", self.clock, template=self.template)
            self.pods.append(pod)
            standing.append(pod)
        for pod in self.victims(standing)[: len(standing) - count]:
            pod.goes = True

    def victims(self, standing: list[Pod]) -> list[Pod]:
        if self.numbered:
            return sorted(standing, key=lambda pod: -int(pod.name.rpartition("-")[2]))
        return sorted(standing, key=lambda pod: (pod.ready, int(pod.annotations.get(COST, "0")), -pod.born))

    def surge(self) -> None:
        """The beginning of a rolling update: one more pod, of the template of now."""
        self.clock += 1
        self.pods.append(Pod(f"vllm-{self.clock}", self.clock, template=self.template))

    def run(self) -> None:
        """All pods become ready, and those that go are gone."""
        self.pods = [pod for pod in self.pods if not pod.goes]
        for pod in self.pods:
            pod.ready, pod.ip = True, f"10.1.0.{pod.born}"

    def names(self) -> list[str]:
        return [pod.name for pod in self.pods if not pod.goes]

    # ---- what the server does

    def answer(self, method: str, target: str, fields: dict[str, str], body: bytes) -> tuple[int, Any]:
        parts = urlsplit(target)
        if fields.get("authorization") != f"Bearer {self.token}":
            return 401, status("Unauthorized")
        if any(f"{method} {parts.path}$".startswith(one) for one in self.forbidden):
            return 403, status(f'deployments.apps "vllm" is forbidden: User "system:x" cannot {method.lower()}')
        workload = self.path.removesuffix("/scale")
        kind = "strategic-merge-patch" if parts.path == workload else "merge-patch"
        if method == "PATCH" and fields.get("content-type") != f"application/{kind}+json":
            return 415, status("unsupported media type")
        if parts.path == workload:
            return self.on_workload(method, body)
        if parts.path == "/apis/metrics.k8s.io/v1beta1/namespaces/llm/pods":
            if self.used is None:
                return 404, status("the server could not find the requested resource")
            return 200, {"kind": "PodMetricsList", "items": [
                {"containers": [{"name": "sidecar", "usage": {"cpu": "9"}}, {"name": "engine", "usage": usage}]}
                for usage in self.used
            ]}  # fmt: skip
        if parts.path == self.path:
            return self.on_scale(method, body)
        if parts.path == "/api/v1/namespaces/llm/pods":
            return 200, self.listed({key: values[0] for key, values in parse_qs(parts.query).items()})
        name = parts.path.removeprefix("/api/v1/namespaces/llm/pods/")
        pod = next((one for one in self.pods if one.name == name), None)
        if pod is None or method != "PATCH":
            return 404, status(f'"{name}" not found')
        for key, value in json.loads(body)["metadata"]["annotations"].items():
            assert value is None or isinstance(value, str), "annotations are text"
            pod.annotations.pop(key, None)
            if value is not None:
                pod.annotations[key] = value
        return 200, pod.told()

    def on_workload(self, method: str, body: bytes) -> tuple[int, Any]:
        """A merge of containers by name, as the server does it for its own kinds."""
        if method == "PATCH":
            (change,) = json.loads(body)["spec"]["template"]["spec"]["containers"]
            assert change["name"] == "engine"
            for part, given in change["resources"].items():
                self.resources[part] = self.resources.get(part, {}) | given
            self.template += 1
        sidecar = {"name": "sidecar", "resources": {"requests": {"cpu": "1", "memory": "9Gi"}}}
        engine = {"name": "engine", "ports": [{"containerPort": 8000}], "resources": self.resources}
        how = "updateStrategy" if self.numbered else "strategy"
        spec = {"template": {"spec": {"containers": [sidecar, engine]}}, how: {"type": self.strategy}}
        return 200, {"kind": "Deployment", "spec": spec}

    def on_scale(self, method: str, body: bytes) -> tuple[int, Any]:
        if method == "PATCH":
            self.interfere()
            change = json.loads(body)
            if change.get("metadata", {}).get("resourceVersion", str(self.version)) != str(self.version):
                return 409, status("the object has been modified; please apply your changes to the latest version")
            self.scale(change["spec"]["replicas"])
        return 200, {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {"name": "vllm", "namespace": "llm", "resourceVersion": str(self.version)},
            "spec": {"replicas": self.replicas},
            "status": {"replicas": len(self.pods), "selector": "app=vllm"},
        }

    def listed(self, query: dict[str, str]) -> dict[str, Any]:
        assert query["labelSelector"] == "app=vllm"
        begin = int(query.get("continue", "0"))
        end = begin + min(self.page, int(query["limit"]))
        more = str(end) if end < len(self.pods) else ""
        return {"kind": "PodList", "metadata": {"continue": more}, "items": [p.told() for p in self.pods[begin:end]]}

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                method, target, _ = lines[0].split()
                fields = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
                }
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                self.asked.append(f"{method} {urlsplit(target).path}")
                code, value = self.answer(method, target, fields, body)
                said = json.dumps(value).encode()
                head = f"HTTP/1.1 {code} x\r\ncontent-type: application/json\r\ncontent-length: {len(said)}\r\n\r\n"
                writer.write(head.encode() + said)
        writer.close()

    def environ(self) -> dict[str, str]:
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}


def status(message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}


@contextlib.asynccontextmanager
async def cluster(
    account: Path, path: str = "/apis/apps/v1/namespaces/llm/deployments/vllm/scale", numbered: bool = False
) -> AsyncIterator[Cluster]:
    """One that runs; ``account`` becomes the folder of a service account in the namespace ``llm``."""
    authority = trustme.CA()
    cert = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(account / "ca.crt"))
    cert.private_key_and_cert_chain_pem.write_to_path(str(account / "server.pem"))
    played = Cluster(path, numbered)
    (account / "token").write_text(played.token)
    (account / "namespace").write_text("llm")
    tls = server_context(str(account / "server.pem"), str(account / "server.pem"))
    listening = await asyncio.start_server(played.meet, "127.0.0.1", 0, ssl=tls)
    played.port = listening.sockets[0].getsockname()[1]
    try:
        yield played
    finally:
        listening.close()

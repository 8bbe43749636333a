"""The main of the process that speaks to a Ray cluster: the only place where Ray is imported.

Enters: questions on standard input (see ``line``). Leaves: answers on standard output; whatever Ray prints goes to
standard error. It ends with its standard input. Replicas are detached actors, which stay.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from typing import IO, Any

import msgspec

from penstock.scaling.actuators.ray import line
from penstock.scaling.actuators.ray.node import service as node
from penstock.scaling.actuators.ray.versions import mismatch

LOOK_SECONDS = 1.0
SILENT_SECONDS = 5.0


class Cluster:
    """The cluster, as asked. Whatever Ray raises becomes a ``failed`` answer."""

    def __init__(self) -> None:
        self._ray: Any = None
        self._namespace = ""
        self._actors: dict[str, Any] = {}
        self._asked: dict[str, tuple[float, Any]] = {}
        self._last: dict[str, dict[str, Any]] = {}

    def hello(self, value: dict[str, Any]) -> dict[str, Any]:
        """Join. Never starts a cluster of its own."""
        try:
            ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise RuntimeError(f"it needs the extra ray (pip install 'penstock[ray]'): {error}") from None
        self._namespace = value["namespace"]
        address = value["address"] or os.environ.get("RAY_ADDRESS") or "auto"
        try:
            ray.init(address=address, namespace=self._namespace, log_to_driver=False, logging_level="ERROR")
        except (RuntimeError, OSError, ValueError) as error:
            raise RuntimeError(told(error, address, ray.__version__)) from None
        ray.cloudpickle.register_pickle_by_value(node)
        self._ray = ray
        nodes = sum(bool(one.get("Alive")) for one in ray.nodes())
        return {"ray": ray.__version__, "python": platform.python_version(), "nodes": nodes}

    def look(self, value: dict[str, Any]) -> dict[str, Any]:
        """All replicas in the namespace."""
        names = self._names()
        for name in [*self._actors]:
            if name not in names:
                for known in (self._actors, self._asked, self._last):
                    known.pop(name, None)
        for name in names:
            if name not in self._actors:
                try:
                    self._actors[name] = self._ray.get_actor(name, namespace=self._namespace)
                except ValueError:
                    continue  # it has just ended
            if name not in self._asked:
                self._asked[name] = (time.monotonic(), self._actors[name].tell.remote())
        refs = [ref for _, ref in self._asked.values()]
        came = set(self._ray.wait(refs, num_returns=len(refs), timeout=LOOK_SECONDS)[0]) if refs else set()
        rows = [self._row(name, came) for name in list(self._asked)]
        return dict(msgspec.to_builtins(line.Looked(rows, self._ray.available_resources())))

    def _names(self) -> set[str]:
        return {
            one["name"]
            for one in self._ray.util.list_named_actors(all_namespaces=True)
            if one["namespace"] == self._namespace
        }

    def _row(self, name: str, came: set[Any]) -> line.Told:
        since, ref = self._asked[name]
        last = self._last.get(name)
        if ref not in came:
            if last is None:
                return line.Told(name, "placing")
            silent = time.monotonic() - since > SILENT_SECONDS
            return msgspec.convert({**last, "state": "silent"} if silent else last, line.Told)
        del self._asked[name]
        try:
            self._last[name] = self._ray.get(ref)
        except Exception as error:  # whatever the actor died of
            return line.Told(name, "gone", trouble=brief(error))
        return msgspec.convert(self._last[name], line.Told)

    def start(self, value: dict[str, Any]) -> dict[str, Any]:
        """A replica more. Ray places it when there is room."""
        order = msgspec.convert(value, line.Order)
        actor = self._ray.remote(node.Engine).options(
            name=order.name, namespace=self._namespace, lifetime="detached", max_restarts=0, max_task_retries=0,
            num_cpus=order.num_cpus, num_gpus=order.num_gpus, resources=order.resources,
            scheduling_strategy="SPREAD" if order.spread else "DEFAULT",
        )  # fmt: skip
        self._actors[order.name] = actor.remote(value)
        return {}

    def end(self, value: dict[str, Any]) -> dict[str, Any]:
        """A replica less: its command is ended first, unless ``hard``."""
        name = value["name"]
        try:
            actor = self._actors.get(name) or self._ray.get_actor(name, namespace=self._namespace)
        except ValueError:
            return {}
        if value.get("hard"):
            self._ray.kill(actor, no_restart=True)
        else:
            actor.stop.remote()
        return {}

    def __repr__(self) -> str:
        return f"<Cluster {self._namespace}, {len(self._actors)} actors>"


def told(error: Exception, address: str, ours: str) -> str:
    """Why the cluster could not be joined, and what to do."""
    differs = mismatch(str(error), ours, platform.python_version())
    if differs:
        return f"the Ray cluster at {address} cannot be joined: {differs}"
    hint = "" if address.startswith("ray://") else "; this machine must be a node of it (ray start), or use ray://"
    return f"the Ray cluster at {address} cannot be joined: {brief(error)}{hint}"


def brief(error: Exception) -> str:
    """Its first words in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"


def serve(asked: IO[bytes], told: IO[bytes], cluster: Cluster) -> None:
    """Answer until nothing more is asked."""
    does = {"hello": cluster.hello, "look": cluster.look, "start": cluster.start, "end": cluster.end}
    for text in asked:
        question = line.question_of(text)
        try:
            answer = line.Answer(question.n, does[question.do](question.value))
        except Exception as error:
            answer = line.Answer(question.n, failed=brief(error))
        told.write(line.line_of(answer))
        told.flush()


def main() -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # its own buffer would be lost with the end below
    serve(sys.stdin.buffer, out, Cluster())
    os._exit(0)  # Ray's own goodbyes may wait for a cluster that is away


if __name__ == "__main__":
    main()

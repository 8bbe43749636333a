"""``scaling.pools.<name>.ray``: replicas that are actors of a Ray cluster, or those of a Ray Serve application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.shapes import Command, Secret
from penstock.core.units import Seconds
from penstock.net.outward import address_problem
from penstock.scaling.actuators.local_config import PORT

HOST = "{host}"


class ServeConfig(Struct, frozen=True, kw_only=True):
    url: Annotated[str, Meta(description="Of Ray's dashboard, which has Serve's REST API: `http://head:8265`.")]
    application: Annotated[str, Meta(min_length=1, description="Which Serve application.")]
    deployment: Annotated[str, Meta(min_length=1, description="Which of its deployments: that which is the engine.")]
    token: Annotated[
        Secret | None, Meta(description="Sent as `Authorization: Bearer`, where the dashboard asks for one.")
    ] = None

    def check(self) -> Iterator[Finding]:
        if problem := address_problem(self.url):
            yield ("url",), f"url {problem}"


class RayConfig(Struct, frozen=True, kw_only=True):
    address: Annotated[
        str,
        Meta(
            description="Of the cluster: `host:6379` where this machine is a node of it (`ray start --num-cpus=0` is"
            " enough), else `ray://host:10001`. Unset: `RAY_ADDRESS`, else the node on this machine."
        ),
    ] = ""
    namespace: Annotated[
        str,
        Meta(
            min_length=1, max_length=64,
            description="Of the actors. Two gateways on one cluster need two: each takes all in its own for its own.",
        ),
    ] = "penstock"  # fmt: skip
    command: Annotated[
        Command,
        Meta(
            description="What an actor runs on its node, word by word; `{port}` becomes a free port, `{host}` the"
            " node's address. It must listen on that address."
        ),
    ] = field(default_factory=list)
    environment: Annotated[dict[str, Secret], Meta(description="Variables for the command.")] = field(
        default_factory=dict
    )
    ready: Annotated[str, Meta(description="It is ready when GET of this path answers 200.")] = "/health"
    start: Annotated[
        Seconds, Meta(gt=0, description="One that is not ready so long after it was placed is ended.")
    ] = 600.0  # fmt: skip
    stop: Annotated[Seconds, Meta(ge=0, le=600, description="From SIGTERM to SIGKILL, when one ends.")] = 10.0
    linger: Annotated[
        Seconds,
        Meta(
            ge=30,
            description="Replicas outlive their gateway, and are taken over by its next life. After so long without"
            " one they end by themselves.",
        ),
    ] = 600.0
    num_cpus: Annotated[float, Meta(ge=0, description="CPUs that Ray sets aside for one.")] = 1.0
    num_gpus: Annotated[float, Meta(ge=0, description="GPUs that Ray sets aside for one, and shows to it.")] = 0.0
    resources: Annotated[
        dict[str, Annotated[float, Meta(gt=0)]], Meta(description="Others of Ray's resources, by name.")
    ] = field(default_factory=dict)
    spread: Annotated[bool, Meta(description="Over as many nodes as there are. Off: as Ray packs them.")] = True
    serve: Annotated[
        ServeConfig | None,
        Meta(description="Instead of a command: set how many replicas a Ray Serve deployment has."),
    ] = None

    def check(self) -> Iterator[Finding]:
        if (self.serve is None) != bool(self.command):
            yield (), "ray needs a command, or serve, and not both"
        if self.command and not any(PORT in word for word in self.command):
            yield ("command",), f"command must say its port: a word with {PORT}"
        if not self.ready.startswith("/"):
            yield ("ready",), "ready must be a path, such as /health"
        if any("=" in name or not name or "\0" in name for name in self.environment):
            yield ("environment",), "a variable has a name, without ="

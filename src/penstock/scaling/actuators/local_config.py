"""``scaling.pools.<name>.local``: replicas that are processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.shapes import Command, Secret
from penstock.core.units import Seconds

PORT = "{port}"
SIZES = ("slots", "context", "threads")
"""Of these a command line can be told: ``{slots}`` and so on."""


class LocalConfig(Struct, frozen=True, kw_only=True):
    command: Annotated[
        Command,
        Meta(
            description="What starts one, word by word; `{port}` becomes its port, `{gpus}` the numbers of its GPUs."
            " Empty: the embedded engine of the upstream of this name (kind `local`)."
        ),
    ] = field(default_factory=list)
    environment: Annotated[
        dict[str, Secret],
        Meta(
            description="What it finds in its environment beside PATH, HOME and their like: it gets none of the"
            " gateway's own. `{port}` and `{gpus}` are filled in."
        ),
    ] = field(default_factory=dict)
    slots: Annotated[int | None, Meta(ge=1, le=100_000, description="What `{slots}` becomes in the command.")] = None
    context: Annotated[
        int | None, Meta(ge=1, le=1_000_000, description="What `{context}` becomes in the command: tokens of one call.")
    ] = None
    threads: Annotated[int | None, Meta(ge=1, le=1024, description="What `{threads}` becomes in the command.")] = None
    ready: Annotated[
        str, Meta(description="It is ready when GET of this path answers 200, and ill when it does not.")
    ] = "/health"
    start: Annotated[Seconds, Meta(gt=0, description="One that is not ready after this is ended.")] = 600.0
    stop: Annotated[Seconds, Meta(ge=0, description="So long it may take to end when told (SIGTERM).")] = 10.0
    gpus_per_replica: Annotated[
        int,
        Meta(ge=0, le=64, description="GPUs of its own for each, named in CUDA_VISIBLE_DEVICES. 0 leaves that alone."),
    ] = 0
    gpus: Annotated[
        list[str],
        Meta(description="Those that the pool may use, by number or UUID. Empty: all that the gateway may."),
    ] = field(default_factory=list)

    def check(self) -> Iterator[Finding]:
        if self.command and not any(PORT in word for word in (*self.command, *self.environment.values())):
            yield ("command",), f"command must say its port: a word with {PORT}"
        if not self.command and (self.environment or self.gpus_per_replica or self.gpus):
            yield (), "environment and GPUs are for a command: the embedded engine takes neither"
        if not self.ready.startswith("/"):
            yield ("ready",), "ready must be a path, such as /health"
        words = (*self.command, *self.environment.values())
        for name in SIZES:
            said, used = getattr(self, name) is not None, any(f"{{{name}}}" in word for word in words)
            if said != used:
                yield (name,), f"{name} and {{{name}}} in the command go together"
        if len(set(self.gpus)) != len(self.gpus):
            yield ("gpus",), "a GPU is named twice"
        if self.gpus and not self.gpus_per_replica:
            yield ("gpus_per_replica",), "gpus are named, and none is for a replica"

    def room(self) -> int | None:
        """How many replicas the named GPUs can carry; None where no number is named."""
        return len(self.gpus) // self.gpus_per_replica if self.gpus and self.gpus_per_replica else None

"""The ``warmup`` section: what is prepared before calls come, and for how long each part of it may take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.shapes import ReadableFile
from penstock.core.units import Bytes, Seconds

TIMEOUTS: dict[str, float] = {
    "store": 3.0,
    "connections": 3.0,
    "rehearsal": 1.0,
    "caches": 5.0,
    "embedder": 60.0,
    "models": 120.0,
    "prefixes": 60.0,
    "answers": 600.0,
}
"""Seconds, by task, where nothing else is configured."""


class TaskConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether it is done at all.")] = True
    timeout: Annotated[
        Seconds | None,
        Meta(
            gt=0,
            le=3600,
            description="It is ended then, and named in the log. Unset: `store` and `connections` 3 s, `rehearsal` 1 s,"
            " `caches` 5 s, `embedder` and `prefixes` 1 min, `models` 2 min, `answers` 10 min.",
        ),
    ] = None


class ConnectionsConfig(Struct, frozen=True, kw_only=True):
    within: Annotated[
        Seconds,
        Meta(ge=0, le=10, description="Readiness waits for connections so long at most; a dead upstream holds nobody."),
    ] = 0.2
    keep: Annotated[
        int,
        Meta(
            ge=0,
            le=64,
            description="Idle connections kept open to each upstream, per worker: opened anew before `max_idle` or"
            " `max_age` end them. No request is sent on them. 0: none.",
        ),
    ] = 1


class PrefixesConfig(Struct, frozen=True, kw_only=True):
    most: Annotated[
        int,
        Meta(ge=0, le=64, description="System prompts sent to an engine that is new, the commonest first. 0: none."),
    ] = 8
    bytes: Annotated[Bytes, Meta(ge=1024, le=1024 * 1024, description="Of a longer call nothing is remembered.")] = (
        64 * 1024
    )
    files: Annotated[
        list[ReadableFile],
        Meta(description="System prompts, one a file: sent at the start already, before any was seen."),
    ] = field(default_factory=list)
    paid: Annotated[
        bool,
        Meta(
            description="Also to upstreams that are not engines of yours (kinds other than `local`, `vllm`, `sglang`,"
            " `llamacpp`, `ollama`): each prompt is then paid for."
        ),
    ] = False


class WarmupConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether anything is made warm at all.")] = True
    connections: Annotated[ConnectionsConfig, Meta(description="To upstreams, TLS included.")] = ConnectionsConfig()
    prefixes: Annotated[
        PrefixesConfig, Meta(description="Calls of one token, by which an engine computes what many calls begin with.")
    ] = PrefixesConfig()
    rehearsal: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Calls to nobody before the first real one: through a second gateway of the same settings"
            " within the process, which leaves no trace. 0: none.",
        ),
    ] = 8
    wait_for: Annotated[
        list[str],
        Meta(description="Tasks that `/health/ready` waits for beside those that it always does, such as `models`."),
    ] = field(default_factory=list)
    tasks: Annotated[
        dict[str, TaskConfig],
        Meta(description=f"Single tasks, by name: {', '.join(f'`{name}`' for name in TIMEOUTS)}."),
    ] = field(default_factory=dict)

    def check(self) -> Iterator[Finding]:
        for name in self.tasks:
            if name not in TIMEOUTS:
                yield ("tasks", name), _unknown(name)
        for position, name in enumerate(self.wait_for):
            if name not in TIMEOUTS:
                yield ("wait_for", position), _unknown(name)

    def timeout(self, task: str) -> float:
        """Seconds that ``task`` may take."""
        told = self.tasks.get(task, TaskConfig()).timeout
        return TIMEOUTS[task] if told is None else told

    def does(self, task: str) -> bool:
        """Whether ``task`` is wanted."""
        return self.enabled and self.tasks.get(task, TaskConfig()).enabled


def _unknown(name: str) -> str:
    known = sorted(TIMEOUTS)
    hint = suggest(name, known) or f"; known are {', '.join(known)}"
    return f'there is no task "{name[:64]}"{hint}'

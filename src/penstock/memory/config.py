"""The ``memory`` section: how much may be held at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Bytes, Seconds
from penstock.memory.collector_config import CollectorConfig
from penstock.memory.leak_config import LeakConfig


class MemoryConfig(Struct, frozen=True, kw_only=True):
    limit: Annotated[
        Bytes | None,
        Meta(
            ge=32 * 1024 * 1024,
            description="All that the gateway may use, its workers together; unset: three quarters of the container's"
            " limit, or of the machine. Nearing it, caches shrink first, calls of low classes are refused last.",
        ),
    ] = None
    every: Annotated[Seconds, Meta(gt=0, le=60, description="How often memory in use is looked at, at least.")] = 5.0
    bodies: Annotated[
        Bytes, Meta(ge=1024 * 1024, description="Request bodies in flight, per worker; beyond it: 503.")
    ] = 512 * 1024 * 1024
    buffers: Annotated[
        Bytes, Meta(ge=1024 * 1024, description="What waits for slow readers, per worker: answers, realtime frames.")
    ] = 512 * 1024 * 1024
    retry_after: Annotated[
        Seconds, Meta(gt=0, le=3600, description="When a call that was shed is told to come back.")
    ] = 1.0
    collector: Annotated[CollectorConfig, Meta(description="When Python looks for garbage that refers to itself.")] = (
        CollectorConfig()
    )
    leak: Annotated[LeakConfig, Meta(description="What counts as a leak.")] = LeakConfig()

    def check(self) -> Iterator[Finding]:
        if self.limit is not None and self.bodies > self.limit and self.bodies != MemoryConfig().bodies:
            yield ("bodies",), "bodies is more than memory.limit"

"""The ``memory`` section: how much may be held at once."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.units import Bytes, Seconds
from penstock.memory.collector_config import CollectorConfig
from penstock.memory.leak_config import LeakConfig


class MemoryConfig(Struct, frozen=True, kw_only=True):
    bodies: Annotated[
        Bytes, Meta(ge=1024 * 1024, description="Request bodies in flight, per worker; beyond it: 503.")
    ] = 512 * 1024 * 1024
    buffers: Annotated[
        Bytes, Meta(ge=1024 * 1024, description="What waits for slow readers, per worker: answers, realtime frames.")
    ] = 512 * 1024 * 1024
    retry_after: Annotated[
        Seconds, Meta(gt=0, le=3600, description="When a call that was shed is told to come back.")
    ] = 1.0
    collector: CollectorConfig = CollectorConfig()
    leak: LeakConfig = LeakConfig()

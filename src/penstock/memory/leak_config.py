"""The ``memory.leak`` section: what counts as a leak."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.units import Seconds


class LeakConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool, Meta(description="Watch for memory, descriptors, tasks and calls that are never let go.")
    ] = True
    every: Annotated[Seconds, Meta(ge=0.1, le=30, description="How often what is held is read.")] = 5.0
    window: Annotated[
        Seconds,
        Meta(ge=1, le=3600, description="What is judged at a time; slower leaks in windows 8 and 40 times as long."),
    ] = 30.0
    factor: Annotated[
        float,
        Meta(ge=1, le=10, description="The accounts of memory explain growth up to so much times what they tell."),
    ] = 1.2
    above: Annotated[
        float, Meta(ge=0, le=1, description="Below this share of the limit they explain twice what they tell.")
    ] = 0.5
    times: Annotated[
        int, Meta(ge=1, le=20, description="Windows that must have grown one upon another for an alarm.")
    ] = 3
    critical: Annotated[
        float,
        Meta(gt=0, le=1, description="Above this share of the limit, after two collections, caches are emptied."),
    ] = 0.8

"""The ``memory.collector`` section: when Python looks for garbage that refers to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Seconds


class CollectorConfig(Struct, frozen=True, kw_only=True):
    every: Annotated[
        Seconds, Meta(gt=0, le=3600, description="How often the thresholds are set by the pressure on memory.")
    ] = 30.0
    low: Annotated[
        float, Meta(gt=0, lt=1, description="Below this share of the limit Python looks half as often as usual.")
    ] = 0.3
    moderate: Annotated[
        float,
        Meta(gt=0, lt=1, description="Above it as often as usual; between `low` and here it is left as it was."),
    ] = 0.6
    high: Annotated[
        float, Meta(gt=0, lt=1, description="Above it twice as often, and at everything, at each look.")
    ] = 0.8
    pause: Annotated[
        Seconds, Meta(gt=0, le=10, description="A collection likely to take longer waits until no call is in flight.")
    ] = 0.02
    postpone: Annotated[
        Seconds, Meta(ge=0, le=86400, description="Longest wait of a due collection for such a moment.")
    ] = 300.0

    def check(self) -> Iterator[Finding]:
        if not self.low < self.moderate < self.high:
            yield (), "low must be below moderate, and moderate below high"

"""The ``history`` section: for how long what happened is kept, and how finely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.units import Seconds

LEAST_TEN = 3600.0


class KeepConfig(Struct, frozen=True, kw_only=True):
    ten_seconds: Annotated[
        Seconds, Meta(le=30 * 86_400, description="For how long windows of ten seconds are kept; an hour at least.")
    ] = 6 * 3600.0
    minute: Annotated[Seconds, Meta(le=400 * 86_400, description="For how long minutes are kept.")] = 3 * 86_400.0
    hour: Annotated[Seconds, Meta(le=3650 * 86_400, description="For how long hours are kept.")] = 400 * 86_400.0

    def check(self) -> Iterator[Finding]:
        if self.ten_seconds < LEAST_TEN:
            yield ("ten_seconds",), "an hour of windows of ten seconds is kept at least"
        if not self.ten_seconds <= self.minute <= self.hour:
            yield (), "what is coarser must be kept as long as what is finer: ten_seconds <= minute <= hour"


class HistoryConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool,
        Meta(
            description="Keep what happened in the store. Switched off, the last hour is known, and that until the end."
        ),
    ] = True
    host: Annotated[
        str,
        Meta(
            max_length=100,
            description="The name under which this gateway keeps its history, of those that share a Redis. Empty: the"
            " machine's name and the port.",
        ),
    ] = ""
    keep: Annotated[KeepConfig, Meta(description="For how long each of the three is kept.")] = field(
        default_factory=KeepConfig
    )

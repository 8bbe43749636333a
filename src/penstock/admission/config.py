"""The ``admission`` section: how many calls are served at once, and which wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Seats, Seconds


class QueueConfig(Struct, frozen=True, kw_only=True):
    calls: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="Calls of a worker that may wait at the door, and as many for upstreams."),
    ] = 10_000
    per_key: Annotated[int | None, Meta(ge=1, description="Of one key; beyond it: 429. Unset: as many as `calls`.")] = (
        None
    )
    guard: Annotated[
        int,
        Meta(
            ge=0, le=1_000_000,
            description="A class that was passed by so often while it waited gets the next seat; 0: it never does.",
        ),
    ] = 20  # fmt: skip


class PreemptConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool,
        Meta(
            description="Whether a call of class `high` that finds all seats at an upstream taken gets that of one of"
            " class `low` or `batch` that has had no byte of its answer yet and can be asked again."
        ),
    ] = True
    most: Annotated[int, Meta(ge=1, le=100, description="Times that this may happen to one call.")] = 2


class AdmissionConfig(Struct, frozen=True, kw_only=True):
    limit: Annotated[
        Seats,
        Meta(description="Calls served at once, over all workers; the others wait at the door, unread."),
    ] = 12_000
    goal: Annotated[
        Seconds | None,
        Meta(
            gt=0, le=3600,
            description="Time to the first token that adaptive limits keep at the median; unset: they keep as few calls"
            " waiting inside the upstream as fill it.",
        ),
    ] = None  # fmt: skip
    queue: Annotated[QueueConfig, Meta(description="Who may wait.")] = QueueConfig()
    max_wait: Annotated[Seconds, Meta(gt=0, le=3600, description="A call waits for a seat no longer than this.")] = 30.0
    preempt: Annotated[PreemptConfig, Meta(description="Seats given up to better calls.")] = PreemptConfig()

    def check(self) -> Iterator[Finding]:
        per_key = self.queue.per_key
        if per_key is not None and per_key > self.queue.calls:
            yield ("queue", "per_key"), "per_key is more than calls: it would never count"

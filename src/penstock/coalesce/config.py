"""The ``coalesce`` section: equal calls in flight that share one upstream call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.patterns import misplaced_stars, unmet
from penstock.core.settings import Finding
from penstock.core.units import Bytes

Calls = Literal["off", "deterministic", "all"]


class CoalesceConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether equal calls of one scope that are in flight share one.")] = True
    calls: Annotated[
        Calls,
        Meta(
            description="Which calls may share a flight: those that are asked at temperature 0 or have none"
            " (`deterministic`), or every one (`all`)."
        ),
    ] = "deterministic"
    models: Annotated[
        dict[str, Calls],
        Meta(description="`calls` for a model as callers name it; `gpt-*` stands for all that begin so."),
    ] = field(default_factory=dict)
    effects: Annotated[
        bool,
        Meta(description="Also calls that do more than answer: stored, in the background, with tools run there."),
    ] = False
    cost: Annotated[
        Literal["first_pays", "split"],
        Meta(description="Whose tokens they are: the first caller's that is there at the end, or everybody's alike."),
    ] = "first_pays"
    slow: Annotated[
        Literal["detach", "cut"],
        Meta(
            description="What a reader meets that is more than `buffer` behind the others: the end with an error"
            " (`cut`); with `detach` one that was given nothing yet gets a call of its own instead."
        ),
    ] = "detach"
    buffer: Annotated[
        Bytes,
        Meta(
            ge=16 * 1024, le=64 * 1024 * 1024,
            description="Kept of one answer for readers that come late or are slow; a longer one takes no more.",
        ),
    ] = 1024 * 1024  # fmt: skip
    total: Annotated[
        Bytes, Meta(ge=64 * 1024, description="Kept of all answers, per worker, within `memory.buffers`.")
    ] = 128 * 1024 * 1024
    flights: Annotated[int, Meta(ge=1, description="Flights at once, per worker; beyond it calls go alone.")] = 10_000
    readers: Annotated[int, Meta(ge=2, description="Readers of one flight; beyond it calls go alone.")] = 20_000

    def check(self) -> Iterator[Finding]:
        if self.buffer > self.total:
            yield ("buffer",), "buffer is more than total holds"
        yield from misplaced_stars(self.models)

    def check_models(self, models: list[str]) -> Iterator[Finding]:
        """What is wrong beside those ``models``: a rule that no call can meet."""
        yield from unmet("coalesce", self.models, models)

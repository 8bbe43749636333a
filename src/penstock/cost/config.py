"""The ``cost`` section: what calls are charged with, and how long spending is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.units import Seconds

MOST_DOLLARS = 1e6
Price = Annotated[float, Meta(ge=0, le=MOST_DOLLARS)]


class RateConfig(Struct, frozen=True, kw_only=True):
    input: Annotated[float, Meta(ge=0, le=MOST_DOLLARS, description="For those of prompts.")] = 0.0
    output: Annotated[float, Meta(ge=0, le=MOST_DOLLARS, description="For those of answers.")] = 0.0
    cached: Annotated[
        float | None,
        Meta(ge=0, le=MOST_DOLLARS, description="For those of prompts that its own cache had. Unset: as `input`."),
    ] = None
    cache_write: Annotated[
        float | None,
        Meta(ge=0, le=MOST_DOLLARS, description="For those of prompts written to its cache. Unset: as `input`."),
    ] = None
    reasoning: Annotated[
        float | None,
        Meta(ge=0, le=MOST_DOLLARS, description="For those of answers that are reasoning. Unset: as `output`."),
    ] = None
    request: Annotated[float, Meta(ge=0, le=MOST_DOLLARS, description="Dollars for each call, besides.")] = 0.0


class CostConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Say of each call what it cost, and keep a ledger of it.")] = True
    prices: Annotated[
        dict[str, RateConfig],
        Meta(
            description="Prices of models in dollars for a million tokens, by the model's name at the upstream or the"
            " name that callers ask for; a star at the end stands for all that begin so. They go before the table that"
            " ships with Penstock; an upstream's own `price` goes before them."
        ),
    ] = field(default_factory=dict)
    unknown: Annotated[
        Literal["zero", "estimate", "refuse"],
        Meta(
            description="A model whose price nobody says costs nothing and is counted as such (`zero`), what is usual"
            " at its provider, marked as a guess (`estimate`), or is not asked at all (`refuse`)."
        ),
    ] = "zero"
    keep: Annotated[Seconds, Meta(ge=86_400, description="Spending is kept for so long.")] = 400 * 86_400.0
    groups: Annotated[
        int,
        Meta(
            ge=10,
            le=100_000,
            description="Different keys, models, upstreams and tags together, an hour and worker; more are one:"
            " `other`.",
        ),
    ] = 2000

    def check(self) -> Iterator[Finding]:
        for name in self.prices:
            if not name or "*" in name[:-1]:
                yield ("prices", name), f'prices: "{name[:64]}": a star stands at the end only, for all that begin so'

"""The ``hedge`` section: a second upstream for calls whose first is late."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.units import Seconds


class HedgeConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool,
        Meta(
            description="Whether a second upstream is asked when the first token is late. Never for calls that store"
            " something, run in the background or have tools that the model's side runs."
        ),
    ] = False
    percentile: Annotated[
        float, Meta(ge=0.5, le=0.99, description="Late is what this share of a model's last calls was not.")
    ] = 0.95
    budget: Annotated[
        float, Meta(ge=0, le=1, description="Second attempts may add at most this share to a model's calls.")
    ] = 0.05
    least_delay: Annotated[Seconds, Meta(ge=0, description="Nobody is late before this.")] = 0.05

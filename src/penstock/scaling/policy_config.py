"""``scaling.pools.<name>.policy``: the rule by which a pool is sized, and its numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.units import Seconds


class PolicyConfig(Struct, frozen=True, kw_only=True):
    rule: Annotated[
        Literal["forecast", "tracking", "steps", "fixed"],
        Meta(
            description="`forecast`: ready before the load that is expected; `tracking`: keep to `target`; `steps`: the"
            " composite metric's bands; `fixed`: `min`."
        ),
    ] = "forecast"
    ttft: Annotated[Seconds, Meta(gt=0, description="The goal for the time to the first token.")] = 2.0
    target: Annotated[float, Meta(gt=0, le=1, description="Use of what a replica carries that is aimed at.")] = 0.7
    cooldown_out: Annotated[Seconds, Meta(ge=0, description="No second growth before this, unless calls wait.")] = 120.0
    cooldown_in: Annotated[Seconds, Meta(ge=0, description="Nothing is taken away before this.")] = 600.0

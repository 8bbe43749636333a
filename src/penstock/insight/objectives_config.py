"""The ``insight.objectives`` section: what is promised, and over how long it is kept."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.units import Seconds


class ObjectivesConfig(Struct, frozen=True, kw_only=True):
    availability: Annotated[
        float, Meta(gt=0, lt=1, description="Share of calls without an error of the gateway or an upstream.")
    ] = 0.999
    p95: Annotated[
        Seconds, Meta(gt=0, le=3600, description="95 of 100 calls spend no more than this in the gateway itself.")
    ] = 0.15
    ttft_p95: Annotated[
        dict[str, Seconds],
        Meta(description="By model: 95 of 100 streams have their first token within this."),
    ] = field(default_factory=dict)
    window: Annotated[
        Seconds, Meta(ge=86_400, le=90 * 86_400, description="The error budget is that of so much time, rolling.")
    ] = 30 * 86_400.0

"""The ``insight.anomaly`` section: from where on a change is told."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Share = Annotated[float, Meta(gt=0, lt=1)]


class AnomalyConfig(Struct, frozen=True, kw_only=True):
    latency: Annotated[
        float, Meta(gt=1, le=100, description="First tokens that take more than so many times as long as usual.")
    ] = 2.0
    token_rate: Annotated[
        Share, Meta(description="Tokens a second of an answer that are less than this share of the usual rate.")
    ] = 0.5
    hit_rate: Annotated[Share, Meta(description="A cache hit rate of less than this share of the usual one.")] = 0.7
    memory: Annotated[Share, Meta(description="More than this share of the memory limit, where that is not usual.")] = (
        0.85
    )
    least_calls: Annotated[
        int, Meta(ge=1, le=10_000, description="With fewer calls in two minutes nothing is said of them.")
    ] = 8
    alert: Annotated[
        Literal["low", "medium", "high", "critical", "off"],
        Meta(description="Anomalies of this severity or worse are alerts."),
    ] = "medium"
    keep: Annotated[int, Meta(ge=1, le=10_000, description="How many that have ended are remembered.")] = 500

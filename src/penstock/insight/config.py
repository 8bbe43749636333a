"""The ``insight`` section: what is judged, and what may be done about it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.insight.optimizer_config import OptimizerConfig


class InsightConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Look for anomalies and bottlenecks, every ten seconds.")] = True
    optimizer: Annotated[
        OptimizerConfig, Meta(description="Changes that may help: proposed, or tried and taken back by itself.")
    ] = OptimizerConfig()

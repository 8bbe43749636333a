"""The ``insight`` section: what is judged, and what may be done about it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.insight.anomaly_config import AnomalyConfig


class InsightConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Look for anomalies and bottlenecks, every ten seconds.")] = True
    anomaly: Annotated[AnomalyConfig, Meta(description="From where on a change is an anomaly.")] = AnomalyConfig()

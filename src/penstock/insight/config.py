"""The ``insight`` section: what is judged, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.objectives_config import ObjectivesConfig
from penstock.insight.optimizer_config import OptimizerConfig


class InsightConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Look for anomalies and bottlenecks, every ten seconds.")] = True
    anomaly: Annotated[AnomalyConfig, Meta(description="From where on a change is an anomaly.")] = AnomalyConfig()
    bottleneck: Annotated[BottleneckConfig, Meta(description="What counts as holding calls up.")] = BottleneckConfig()
    objectives: Annotated[ObjectivesConfig, Meta(description="What is promised to callers.")] = ObjectivesConfig()
    optimizer: Annotated[
        OptimizerConfig, Meta(description="Changes that may help: proposed, or tried and taken back by itself.")
    ] = OptimizerConfig()

    def check_models(self, models: list[str]) -> Iterator[Finding]:
        """What is wrong beside those ``models``: calls are counted by their names there."""
        for name in self.objectives.ttft_p95:
            if name not in models:
                yield (
                    ("insight", "objectives", "ttft_p95", name),
                    f'insight.objectives.ttft_p95: unknown model "{name[:64]}"{suggest(name, models)}',
                )

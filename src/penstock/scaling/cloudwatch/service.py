"""Writes metrics for CloudWatch, every minute: as lines on standard output, or by PutMetricData.

Runs at the first worker. Enters: each window of all workers, gauges of pools. Leaves: metrics. What AWS refuses is
told in the log once, and lost: the next minute has newer numbers.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from penstock.core.windows import Window
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.asking.service import Asking, Aws
from penstock.scaling.cloudwatch.numbers import Calls, Metrics, data, line, of_pools
from penstock.scaling.cloudwatch_config import CloudWatchConfig

log = logging.getLogger("penstock")

IDLE_SECONDS = 5.0
TIMEOUT_SECONDS = 5.0


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class CloudWatch:
    """A Service. ``config`` gives what is in force, None for nothing; ``pools`` the gauges of each pool."""

    name = "cloudwatch"

    def __init__(
        self, config: Callable[[], CloudWatchConfig | None], pools: Callable[[], Mapping[str, Mapping[str, Any]]], *,
        write: Callable[[str], None] = _print, ask: Asking | None = None, wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._config = config
        self._pools = pools
        self._write = write
        self._given = ask
        self._asking: tuple[str | None, Asking] | None = None
        self._wall = wall
        self._calls = Calls()
        self._said = ""

    def take(self, window: Window) -> None:
        """A window of all workers is over."""
        if self._config() is not None:
            self._calls.take(window)

    async def run(self) -> None:
        """Round after round."""
        while True:
            config = self._config()
            await asyncio.sleep(IDLE_SECONDS if config is None else config.interval)
            await self.round()

    async def round(self) -> None:
        """Write what there is."""
        config = self._config()
        if config is None:
            return
        metrics = self._metrics(config)
        if not metrics:
            return
        if config.by == "emf":
            wall = self._wall()
            self._write("".join(f"{line(config.namespace, one, wall)}\n" for one in metrics))
            return
        try:
            await self._ask(config.region)(
                "cloudwatch", "put_metric_data", Namespace=config.namespace, MetricData=data(metrics)
            )
            self._said = ""
        except ActuatorError as error:
            if str(error) != self._said:
                log.warning("metrics do not reach CloudWatch: %s", error)
            self._said = str(error)

    def _metrics(self, config: CloudWatchConfig) -> list[Metrics]:
        whole, pools = self._calls.whole(), of_pools(config.service, self._pools())
        if whole and pools:
            pools[0] = Metrics(pools[0].dimensions, whole | pools[0].values)
            return pools
        return [Metrics({"Service": config.service}, whole)] if whole else pools

    def _ask(self, region: str | None) -> Asking:
        if self._given is not None:
            return self._given
        if self._asking is None or self._asking[0] != region:
            self._asking = (region, Aws(region, TIMEOUT_SECONDS))
        return self._asking[1]

    def __repr__(self) -> str:
        return f"<CloudWatch {self._config()}>"

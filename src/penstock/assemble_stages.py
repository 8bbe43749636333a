"""The composition root's rooms: each one made for one configuration, over what its worker keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.assemble_live import newest
from penstock.config import Config
from penstock.core.ports import Stage
from penstock.edge.config import ListenConfig
from penstock.memory.config import MemoryConfig
from penstock.memory.stage import Memory
from penstock.routing.config import RoutingConfig
from penstock.routing.stage import Routing
from penstock.routing.table import Table
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from penstock.assemble import Gateway


def make_stages(gateway: Gateway, config: Config, targets: Mapping[str, Target], table: Table) -> dict[str, Stage]:
    """By the names of the rooms, without edge and auth; those of slices that are not installed are absent."""
    memory, routing = config.of(MemoryConfig), config.of(RoutingConfig)
    ledger = gateway.ledger
    stages: dict[str, Stage] = {
        "memory": Memory(
            ledger.accounts.get("bodies") or ledger.account("bodies", memory.bodies),
            max_body=config.of(ListenConfig).max_body,
            retry_after=memory.retry_after,
            known=None if gateway.caching is None else gateway.caching.shelf.recall.bodies,
            now=gateway.clock.now,
        ),
        "routing": Routing(
            table,
            list(targets.values()),
            retries=routing.retries.max,
            first_token=routing.timeouts.first_token,
            rescue=routing.rescue != "off",
            collect=routing.rescue == "all",
            now=gateway.clock.now,
            newest=newest(gateway),
            holding=gateway.waking.holding(config),
            hall=None if gateway.admitting is None else gateway.admitting.hall(config),
        ),
    }
    if gateway.degrading is not None:
        stages |= gateway.degrading.stages(config, table)
    if gateway.costing is not None:
        stages |= gateway.costing.stages(config, table)
    parts = {
        "observe": gateway.observed,
        "admission": gateway.admitting,
        "journal": gateway.diary,
        "jobs": gateway.jobbing,
        "resume": gateway.resumption,
        "streaming": gateway.streams,
        "cache": gateway.caching,
        "coalesce": gateway.coalescing,
        "grouping": gateway.grouped,
        "batching": gateway.merging,
    }
    for name, part in parts.items():
        if part is not None and (stage := part.stage(config)) is not None:
            stages[name] = stage
    return stages

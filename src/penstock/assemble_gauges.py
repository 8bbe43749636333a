"""The composition root's part for gauges: what each worker reads of itself and of the machine at the end of a window.

It is ``Watching.gauges``; what was read last is on the metrics page, too. Without the observe slice nothing is read.
"""

from __future__ import annotations

import importlib.util
import os
import resource
from itertools import islice
from typing import TYPE_CHECKING, Any

from penstock.assemble_live import pools
from penstock.assemble_store import store_kind, store_path
from penstock.config import Config
from penstock.net.process import usage

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.assemble_watching import Watching

MOST_CALLERS = 50
"""Connections whose round trip is asked for at a window's end."""


class Gauging:
    """See the module. It survives reloads."""

    def __init__(self, watching: Watching) -> None:
        from penstock.observe.meter import Meter

        self._gateway = watching.gateway
        self._meter = Meter()
        watching.gauges = self.read

    def open(self) -> None:
        """Begin to sample."""
        from penstock.observe.service import Disk, LoopLag, StoreLatency

        gateway, meter = self._gateway, self._meter
        gateway.crew.supervise(LoopLag(meter.note, gateway.clock.now))
        if gateway.store is not None:
            gateway.crew.supervise(StoreLatency(meter.note, gateway.store.flush, gateway.clock.now))
        if gateway.number == 0 and store_kind(gateway.config) == "sqlite":
            folder = os.path.dirname(store_path(gateway.config, os.environ))
            gateway.crew.supervise(Disk(meter.hold, folder))
        self.read()  # what grows from now on is told at the end of the first window

    def follow(self, config: Config) -> None:
        """Nothing of it is configured."""

    def read(self) -> dict[str, float]:
        """All gauges of this worker now."""
        gateway, meter = self._gateway, self._meter
        self._machine(gateway)
        self._calls(gateway)
        self._stores(gateway)
        meter.hold("network", self._network())
        return meter.read()

    def _machine(self, gateway: Gateway) -> None:
        meter, used = self._meter, usage()
        meter.rate("cpu", used["seconds"], gateway.clock.now())
        meter.hold("resident", used["rss"])
        meter.hold("memory", used["rss"] / max(1, gateway.keeping.governor.limit.bytes))
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        meter.hold("descriptors", used["descriptors"] / most if 0 < most < 1 << 40 else None)
        meter.note("collector_pause", gateway.tending.collecting.pauses.take_worst())
        meter.hold("held_bytes", gateway.ledger.held)

    def _calls(self, gateway: Gateway) -> None:
        meter = self._meter
        obtained, waited, queued = pools(gateway.upstreams.origins())
        meter.rate("connections_waited", waited, obtained)
        if gateway.admitting is not None:
            queued += gateway.admitting.waiting
        meter.hold("queued", queued)
        if gateway.observed is not None:
            meter.hold("in_flight", gateway.observed.board.in_flight)
        if gateway.streams is not None:
            counts = gateway.streams.counts
            meter.hold("streams", sum(counts.levels.values()))
            meter.hold("streams_paused", counts.paused)
            meter.grown("events_dropped", counts.total("dropped"))
            meter.grown("events_delayed", counts.total("delayed"))

    def _stores(self, gateway: Gateway) -> None:
        meter = self._meter
        if gateway.store is not None:
            meter.hold("store_waiting", gateway.store.dump()["queued"])
        if gateway.caching is not None:
            told = gateway.caching.shelf.directory.told()
            meter.hold("cache_entries", told["entries"])
            meter.hold("cache_bytes", told["bytes"])
            tally = gateway.caching.semantics.embedded
            if tally is not None:
                meter.rate("embedding", tally.seconds, tally.trips)

    def _network(self) -> float | None:
        from penstock.observe.meter import median

        those: Any = islice(self._gateway.server.connections, MOST_CALLERS)
        trips = [peer.round_trip() for peer in those if hasattr(peer, "round_trip")]
        return median([seconds for seconds in trips if seconds is not None])


def gauging(watching: Watching) -> Gauging | None:
    """A Gauging if the observe slice is installed."""
    return Gauging(watching) if importlib.util.find_spec("penstock.observe") is not None else None

"""The composition root's part for the collector of garbage and the watch for leaks of one worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.config import Config
from penstock.memory.collecting.service import Collecting
from penstock.memory.config import MemoryConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway


class Tending:
    """See the module. It survives reloads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.collecting = Collecting(gateway.pressure, gateway.in_flight, gateway.clock.now)

    def open(self) -> None:
        """Begin."""
        self._gateway.crew.supervise(self.collecting)

    def follow(self, config: Config) -> None:
        """Tend as ``config`` says from now on."""
        self.collecting.follow(config.of(MemoryConfig).collector)

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return self.collecting.dump()

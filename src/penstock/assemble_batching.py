"""The composition root's part for the batching slice, which is optional: without it every call goes for itself."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from penstock.config import Config
from penstock.core.ports import Stage

if TYPE_CHECKING:
    from penstock.assemble import Gateway

ACCOUNT = "batches"


class Merging:
    """What one worker counts of batches, and has learned of upstreams. Both survive reloads; batches stay with the
    configuration they began with."""

    def __init__(self, gateway: Gateway) -> None:
        from penstock.batching.costs import AllCosts
        from penstock.batching.counts import Counts

        self.counts = Counts()
        self.costs = AllCosts()
        self._ledger = gateway.ledger
        self._overload = gateway.overload
        self._now = gateway.clock.now

    def stage(self, config: Config) -> Stage | None:
        """The room for ``config``; None while it is switched off."""
        from penstock.batching.config import BatchingConfig
        from penstock.batching.stage import Batching

        section = config.of(BatchingConfig)
        if not section.enabled:
            return None
        account = self._ledger.accounts.get(ACCOUNT) or self._ledger.account(ACCOUNT, section.total)
        return Batching(section, account, self.counts, self.costs, self._overload, self._now)

    def follow(self, config: Config) -> None:
        """Hold as much as ``config`` says from now on."""
        from penstock.batching.config import BatchingConfig

        section = config.of(BatchingConfig)
        if section.enabled:
            self._ledger.account(ACCOUNT, section.total)

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return self.counts.dump() | {"learned": self.costs.dump(self._now())}


def merging(gateway: Gateway) -> Merging | None:
    """A Merging if the slice is installed."""
    return Merging(gateway) if importlib.util.find_spec("penstock.batching") is not None else None

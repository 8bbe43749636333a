"""The composition root's part for the coalesce slice, which is optional: without it every call asks for itself."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from penstock.config import Config
from penstock.core.ports import Stage
from penstock.memory.config import MemoryConfig
from penstock.memory.ledger import Ledger

SECRET_BYTES = 32


class Coalescing:
    """The counts of one worker's flights. They survive reloads; flights stay with the configuration they began with."""

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        from penstock.coalesce.counts import Counts

        self.counts = Counts()
        self._ledger = ledger
        self._now = now
        self._secret = os.urandom(SECRET_BYTES)

    def stage(self, config: Config) -> Stage | None:
        """The room for ``config``; None while it is switched off."""
        from penstock.coalesce.config import CoalesceConfig
        from penstock.coalesce.stage import Coalesce

        section = config.of(CoalesceConfig)
        if not section.enabled:
            return None
        buffers = self._ledger.accounts.get("buffers") or self._ledger.account(
            "buffers", config.of(MemoryConfig).buffers
        )
        return Coalesce(section, buffers, self.counts, self._now, self._secret)

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return self.counts.dump()


def coalescing(ledger: Ledger, now: Callable[[], float]) -> Coalescing | None:
    """A Coalescing if the slice is installed."""
    return Coalescing(ledger, now) if importlib.util.find_spec("penstock.coalesce") is not None else None

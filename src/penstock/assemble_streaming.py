"""The composition root's part for the streaming slice, which is optional: without it they flow as they come."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from penstock.config import Config
from penstock.core.deadlines import Wheel
from penstock.core.ports import Account, Stage
from penstock.memory.config import MemoryConfig
from penstock.memory.ledger import Ledger


class Streams:
    """The counts of one worker's streams, and the paces that they share. They survive reloads."""

    def __init__(self, wheel: Wheel, ledger: Ledger, now: Callable[[], float]) -> None:
        from penstock.streaming.counts import Counts
        from penstock.streaming.pacing import SharedBuckets

        self.counts = Counts()
        self._keys = SharedBuckets()
        self._wheel = wheel
        self._ledger = ledger
        self._now = now

    def stage(self, config: Config) -> Stage:
        """The room for ``config``."""
        from penstock.streaming.config import StreamingConfig
        from penstock.streaming.stage import Streaming

        buffers = self._ledger.accounts.get("buffers") or self.follow(config)
        return Streaming(config.of(StreamingConfig), buffers, self.counts, self._keys, self._wheel, self._now)

    def follow(self, config: Config) -> Account:
        """The account of what waits for slow readers, bounded as ``config`` says from now on."""
        return self._ledger.account("buffers", config.of(MemoryConfig).buffers)

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return self.counts.dump()


def streams(wheel: Wheel, ledger: Ledger, now: Callable[[], float]) -> Streams | None:
    """Streams if the slice is installed."""
    return Streams(wheel, ledger, now) if importlib.util.find_spec("penstock.streaming") is not None else None

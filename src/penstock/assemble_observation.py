"""The composition root's part for the observe slice, which is optional: without its folder nothing is observed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.config import Config
from penstock.core.ports import Stage

if TYPE_CHECKING:
    from penstock.observe.access_log import AccessLog


class Observation:
    """The board, the ring and the log of one worker. They survive reloads; the ring follows its configured size."""

    def __init__(self, wall: Callable[[], float]) -> None:
        from penstock.observe.board import Board

        self._wall = wall
        self.board = Board()
        self.log: AccessLog | None = None
        self.resize(1000)

    def resize(self, size: int) -> None:
        """Remember ``size`` calls from now on."""
        from penstock.observe.recent import Recent

        self.recent = Recent(size, self._wall)
        self._size = size

    def stage(self, config: Config) -> Stage:
        """The room for ``config``."""
        from penstock.observe.access_log import AccessLog
        from penstock.observe.config import ObserveConfig
        from penstock.observe.log_stream import current_stream
        from penstock.observe.stage import Observe

        section = config.of(ObserveConfig)
        if section.recent != self._size:
            self.resize(section.recent)
        self.flush()
        self.log = None
        if section.access_log != "off":
            self.log = AccessLog(current_stream, self._wall, errors_only=section.access_log == "errors")
        return Observe(self.board, self.recent, None if self.log is None else self.log.note)

    def flush(self) -> None:
        """Write what the access log holds."""
        if self.log is not None:
            self.log.flush()


def observation(wall: Callable[[], float]) -> Observation | None:
    """An Observation if the slice is installed."""
    if importlib.util.find_spec("penstock.observe") is None:
        return None
    return Observation(wall)

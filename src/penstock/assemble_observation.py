"""The composition root's part for the observe slice, which is optional: without its folder nothing is observed."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.assemble_telemetry import telemetry
from penstock.config import Config
from penstock.core.exchange import Exchange
from penstock.core.finished import Record, record
from penstock.core.ports import Stage

if TYPE_CHECKING:
    from penstock.assemble import Gateway

MOST_HELD = 1000
"""Records, before they are handed on at once."""


class Observation:
    """The board, the ring and the log of one worker. They survive reloads, and ``follow`` the newest configuration."""

    def __init__(self, wall: Callable[[], float], gateway: Gateway | None = None) -> None:
        from penstock.observe.access_log import AccessLog
        from penstock.observe.board import Board
        from penstock.observe.log_stream import current_stream
        from penstock.observe.recent import Recent

        self.board = Board()
        self.recent = Recent(1000)
        self.takers: list[Callable[[list[Record]], None]] = []
        """What is given the records of finished calls, a few times a second, many together."""
        self._wall = wall
        self._tape: list[Record] = []
        self.log = AccessLog(current_stream, wall, errors_only=True)
        self.telemetry = None if gateway is None else telemetry(gateway)
        if self.telemetry is not None:
            self.takers.append(self.telemetry.take)

    def stage(self, config: Config) -> Stage:
        """The room for ``config``. Raises ConfigError."""
        from penstock.observe.config import ObserveConfig
        from penstock.observe.stage import Observe

        is_logged = config.of(ObserveConfig).access_log != "off"
        tracer = None if self.telemetry is None else self.telemetry.traces(config)
        return Observe(
            self.board, self.take, self.log.note if is_logged else None, None if tracer is None else tracer.begin
        )

    def follow(self, config: Config) -> None:
        """Log and remember as ``config`` says from now on; what is remembered already stays as far as it fits."""
        from penstock.observe.config import ObserveConfig
        from penstock.observe.log_stream import set_level

        section = config.of(ObserveConfig)
        self.log.errors_only = section.access_log == "errors"
        self.recent.resize(section.recent)
        set_level(section.log_level)
        if self.telemetry is not None:
            self.telemetry.follow(config)

    def note(self, exchange: Exchange) -> None:
        """A call that outlived its caller has ended: it did not pass the room."""
        self.board.record(exchange)
        if self.telemetry is not None:
            self.telemetry.go_on(exchange)
        self.take(exchange)

    def take(self, exchange: Exchange) -> None:
        """Remember a finished call; who measures is given it soon."""
        row = record(exchange, self._wall())
        self.recent.add(row)
        self._tape.append(row)
        if len(self._tape) >= MOST_HELD:
            self.hand_on()

    def hand_on(self) -> None:
        """Give who measures what has ended since."""
        rows, self._tape = self._tape, []
        if rows:
            for taker in self.takers:
                taker(rows)

    def flush(self) -> None:
        """Write what the access log holds, and hand on what is measured."""
        self.log.flush()
        self.hand_on()


def observation(wall: Callable[[], float], gateway: Gateway | None = None) -> Observation | None:
    """An Observation if the slice is installed; it traces where it is the ``gateway``'s."""
    return Observation(wall, gateway) if _is_installed() else None


def _is_installed() -> bool:
    return importlib.util.find_spec("penstock.observe") is not None


def install_logs(config: Config) -> Callable[[], None]:
    """Log as configured, or without the slice plainly to standard error. Gives what opens the log file again.

    Raises OSError when the log file cannot be opened.
    """
    if not _is_installed():
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        return lambda: None
    from penstock.observe.config import ObserveConfig
    from penstock.observe.log_stream import install

    section = config.of(ObserveConfig)
    return install(section.log_file, section.log_level).reopen


def log_file(config: Config) -> str | None:
    """Where log lines go; None for standard error."""
    if not _is_installed():
        return None
    from penstock.observe.config import ObserveConfig

    return config.of(ObserveConfig).log_file

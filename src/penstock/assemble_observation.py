"""The composition root's part for the observe slice, which is optional: without its folder nothing is observed."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock.assemble_telemetry import telemetry
from penstock.config import Config
from penstock.core.exchange import Exchange
from penstock.core.finished import Record
from penstock.core.ports import Stage
from penstock.core.sheaves import Sheaf, sheaves
from penstock.pipeline import timed

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.observe.recent import Recent

MOST_HELD = 1000
"""Records, before they are handed on at once; and before they are added up."""
FLUSHES = 4
"""Flushes from one time to the next, if there are no more."""


class Observation:
    """The board, the ring and the log of one worker. They survive reloads, and ``follow`` the newest configuration."""

    def __init__(self, wall: Callable[[], float], gateway: Gateway | None = None) -> None:
        from penstock.observe.access_log import AccessLog
        from penstock.observe.board import Board
        from penstock.observe.log_stream import current_stream
        from penstock.observe.recent import Recent
        from penstock.observe.tape import Tape

        self.board = Board()
        self._recent = Recent(1000)
        self.takers: list[Callable[[list[Record]], None]] = []
        """What is given the records of finished calls, a few times a second, many together."""
        self.counters: list[Callable[[list[Sheaf]], None]] = []
        """The same for who only adds up, and so may wait for more of them: few at a time cost twice as much."""
        self._tape = Tape(wall, MOST_HELD, self._pass_on)
        self.take: Callable[[Exchange], None] = self._tape.take
        """Remembers a finished call; who measures is given it soon."""
        self._uncounted: list[Record] = []
        self._until = FLUSHES
        self.log = AccessLog(current_stream, wall, errors_only=True)
        self.telemetry = None if gateway is None else telemetry(gateway)
        if self.telemetry is not None:
            self.takers.append(self.telemetry.take)

    def stage(self, config: Config) -> Stage:
        """The room for ``config``. Raises ConfigError."""
        from penstock.observe.stage import Observe

        return Observe(self.board, self.take, self._log(config), trace=self._trace(config))

    def timing(self, path: Sequence[tuple[str, Stage]], config: Config, now: Callable[[], float]) -> list[Stage]:
        """The stages of ``path``, the room with a twin of what is below it, which notes when a call enters each room.
        Calls that pass only part of the path need the room as it was."""
        from penstock.observe.config import ObserveConfig
        from penstock.observe.stage import Observe

        every, log, trace = config.of(ObserveConfig).waterfall, self._log(config), self._trace(config)
        return [
            Observe(self.board, self.take, log, every, timed(path[at + 1 :], now), trace)
            if name == "observe"
            else stage
            for at, (name, stage) in enumerate(path)
        ]

    def _log(self, config: Config) -> Callable[[Exchange], None] | None:
        from penstock.observe.config import ObserveConfig

        return None if config.of(ObserveConfig).access_log == "off" else self.log.note

    def _trace(self, config: Config) -> Callable[[Exchange], None] | None:
        tracer = None if self.telemetry is None else self.telemetry.traces(config)
        return None if tracer is None else tracer.begin

    def follow(self, config: Config) -> None:
        """Log and remember as ``config`` says from now on; what is remembered already stays as far as it fits."""
        from penstock.observe.config import ObserveConfig
        from penstock.observe.log_stream import set_level

        section = config.of(ObserveConfig)
        self.log.errors_only = section.access_log == "errors"
        self._recent.resize(section.recent)
        set_level(section.log_level)
        if self.telemetry is not None:
            self.telemetry.follow(config)

    def note(self, exchange: Exchange) -> None:
        """A call that outlived its caller has ended: it did not pass the room."""
        self.board.note(exchange)
        if self.telemetry is not None:
            self.telemetry.go_on(exchange)
        self.take(exchange)

    @property
    def recent(self) -> Recent:
        """The last calls, up to now."""
        self._pass_on()
        return self._recent

    def _pass_on(self) -> None:
        """Give who measures what has ended since."""
        rows = self._tape.cut()
        self._until = FLUSHES
        if not rows:
            return
        self._recent.extend(rows)
        for taker in self.takers:
            taker(rows)
        self._uncounted += rows
        if len(self._uncounted) >= MOST_HELD:
            self.hand_on()

    def hand_on(self) -> None:
        """The same, and have all of it added up."""
        self._pass_on()
        rows, self._uncounted = self._uncounted, []
        if not rows:
            return
        together = sheaves(rows)
        self.board.take(together)
        for counter in self.counters:
            counter(together)

    def dump(self) -> dict[str, Any]:
        """The numbers of this worker, up to now."""
        self.hand_on()
        return self.board.dump()

    def flush(self) -> None:
        """A few times a second: write what the access log holds, and once a second hand on what is measured: many calls
        together cost less."""
        self.log.flush()
        self._until -= 1
        if self._until <= 0:
            self._pass_on()


def noting(gateway: Gateway) -> Callable[[Exchange], None]:
    """What tells of a call that has ended and did not pass all rooms: its caller had left, or it had none."""

    def note(exchange: Exchange) -> None:
        for part in (gateway.observed, gateway.diary):
            if part is not None:
                part.note(exchange)

    return note


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

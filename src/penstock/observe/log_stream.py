"""Where log lines go: standard error, or a file that is opened again on SIGUSR1 (rotation)."""

from __future__ import annotations

import datetime
import logging
import sys
from typing import TextIO

import msgspec


class LogStream(logging.Handler):
    """A logging handler that writes JSON lines, and hands its stream to the access log."""

    def __init__(self, path: str | None) -> None:
        super().__init__()
        self._path = path
        self._file: TextIO | None = None
        self.reopen()

    def reopen(self) -> None:
        """Close the file and open it anew: after a rotation the lines go to the new one. Raises OSError."""
        if self._path is None:
            return
        fresh = open(self._path, "a", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
        old, self._file = self._file, fresh
        if old is not None:
            old.close()

    @property
    def stream(self) -> TextIO:
        """The stream in use now."""
        return self._file or sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as a line of JSON."""
        try:
            self.stream.write(line_of(record))
            self.stream.flush()
        except Exception:
            self.handleError(record)


def line_of(record: logging.LogRecord) -> str:
    """A log record as JSON, with a traceback where there is one."""
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    row = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": "message",
        "logger": record.name,
        "message": record.getMessage(),
    }
    if record.exc_info:
        row["traceback"] = logging.Formatter().formatException(record.exc_info)
    return msgspec.json.encode(row).decode() + "\n"


def install(path: str | None, level: str) -> LogStream:
    """Send all of Penstock's log lines through one LogStream. Replaces an earlier one. Raises OSError."""
    handler = LogStream(path)
    logger = logging.getLogger("penstock")
    for old in [one for one in logger.handlers if isinstance(one, LogStream)]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.propagate = False
    set_level(level)
    return handler


def set_level(level: str) -> None:
    """Log what is at least this important."""
    logging.getLogger("penstock").setLevel(level.upper())


def current_stream() -> TextIO:
    """The stream that Penstock's logger writes to now."""
    for handler in logging.getLogger("penstock").handlers:
        if isinstance(handler, LogStream):
            return handler.stream
    return sys.stderr

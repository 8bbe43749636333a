"""Where log lines go: standard error, or a file that is opened again on SIGUSR1 (rotation)."""

from __future__ import annotations

import datetime
import logging
import sys
import traceback
from typing import Any, TextIO

import msgspec

MOST_CAUSES = 5


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
    """A log record as JSON, with a traceback where there is one. One that is about a call (``extra={"request": id}``)
    names it, and its traceback lacks what the exceptions say: that may repeat a prompt."""
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    row: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": "message",
        "logger": record.name,
        "message": record.getMessage(),
    }
    request = getattr(record, "request", None)
    if request:
        row["request"] = request
    if record.exc_info and record.exc_info[1] is not None:
        if request is None:
            row["traceback"] = logging.Formatter().formatException(record.exc_info)
        else:
            row["traceback"] = _silent(record.exc_info[1])
    return msgspec.json.encode(row).decode() + "\n"


def _silent(error: BaseException) -> str:
    """Where an exception came from and of what kind it is, and the same of what led to it: nothing that it says."""
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < MOST_CAUSES:
        told.append("".join(traceback.format_tb(cause.__traceback__)) + type(cause).__qualname__)
        cause = cause.__cause__ or cause.__context__
    return "\nwhich came of\n".join(told)


def install(path: str | None, level: str) -> LogStream:
    """Send all of Penstock's log lines through one LogStream, and those of libraries from warnings on. Replaces an
    earlier one. Raises OSError."""
    handler = LogStream(path)
    logger = logging.getLogger("penstock")
    for one in (logger, logging.getLogger()):
        for old in [known for known in one.handlers if isinstance(known, LogStream)]:
            one.removeHandler(old)
        one.addHandler(handler)
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

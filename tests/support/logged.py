"""Errors in the log, counted: a defect that nobody else sees is one."""

import contextlib
import logging
from collections.abc import Iterator


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def errors_logged(count: int) -> Iterator[None]:
    """So many are logged by what runs meanwhile, no more and no fewer."""
    errors = _Errors()
    log = logging.getLogger("penstock")
    log.addHandler(errors)
    try:
        yield
    finally:
        log.removeHandler(errors)
    assert len(errors.messages) == count, errors.messages

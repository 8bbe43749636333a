"""Who goes first when not all can be served: four classes, the lower the number the sooner. Pure.

Enters: the value of ``x-penstock-priority``. Leaves: the number of a class. May fail: CallerError 400.
"""

from __future__ import annotations

from typing import Literal

from penstock.core.errors import CallerError

Name = Literal["high", "normal", "low", "batch"]

NAMES: tuple[Name, ...] = ("high", "normal", "low", "batch")
"""By their numbers."""

HIGH, NORMAL, LOW, BATCH = range(4)

_BY_VALUE = {name.encode(): number for number, name in enumerate(NAMES)}


def parse(value: bytes) -> int:
    """The class that a header field names. Raises CallerError."""
    number = _BY_VALUE.get(value.strip().lower())
    if number is None:
        shown = value[:32].decode("ascii", "replace")
        raise CallerError(
            f"x-penstock-priority is {shown!r}; it is one of {', '.join(NAMES)}",
            code="invalid_header",
            param="x-penstock-priority",
        )
    return number

"""What a caller's ``x-penstock-*`` fields say, where a value must be understood. Pure. May fail: CallerError 400."""

from __future__ import annotations

import re

from penstock.core.call import Headers
from penstock.core.errors import CallerError

_MILLISECONDS = re.compile(rb"[0-9]{1,9}")


def within(headers: Headers, most: float) -> float:
    """Seconds that the call may last: what ``x-penstock-deadline-ms`` says, but never more than ``most``."""
    for name, value in headers:
        if name == b"x-penstock-deadline-ms":
            if _MILLISECONDS.fullmatch(value) is None or not int(value):
                raise CallerError(
                    "x-penstock-deadline-ms is a whole number of milliseconds, 1 or more",
                    code="invalid_header",
                    param="x-penstock-deadline-ms",
                )
            return min(most, int(value) / 1000)
    return most


MOST_TAG_CHARACTERS = 200


def tags(headers: Headers) -> str:
    """The caller's own labels, as it wrote them in ``x-penstock-tags``; what is too long is cut."""
    for name, value in headers:
        if name == b"x-penstock-tags":
            return value.decode("latin-1")[:MOST_TAG_CHARACTERS]
    return ""

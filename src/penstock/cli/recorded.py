"""Recorded series that commands read: the text of their files, and the moments in them.

Enters: a path, or a moment as it was written. Leaves: text, or seconds since 1970. May fail: Failure, ValueError.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from penstock.cli.failure import Failure

MOST_BYTES = 256 * 1024 * 1024


def text_of(path: str, command: str) -> str:
    """All that stands in the file. Raises Failure in the name of ``command``."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Failure(f"penstock {command}: {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Failure(f"penstock {command}: {path} cannot be read: it is not text in UTF-8") from None
    if len(text) > MOST_BYTES:
        raise Failure(f"penstock {command}: {path} is over {MOST_BYTES // 2**20} MiB")
    return text


def moment(text: Any) -> float:
    """Seconds since 1970 of an ISO date (UTC where it names no zone) or a number. Raises ValueError."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        found = float(text)
    else:
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is no time")
        try:
            found = float(text)
        except ValueError:
            try:
                parsed = datetime.fromisoformat(text.strip())
            except ValueError:
                raise ValueError(f"{text[:40]!r} is no time: seconds, or a date such as 2026-01-31 08:00") from None
            found = (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(found):
        raise ValueError(f"{text!r} is no time")
    return found

"""How commands print a moment: its date and time in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def printed(at: float | None) -> str:
    """For people. What no calendar holds stays a number."""
    if at is None:
        return "-"
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{at:g}"

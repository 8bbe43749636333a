"""An alert: something that an operator is told when it opens and when it closes. Pure."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from msgspec import Struct

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


class Alert(Struct, kw_only=True):
    """``id`` tells it from others that are open; ``name`` is stable; times are Unix seconds; ``facts`` are plain, and
    hold no prompt, answer or key."""

    id: str
    name: str
    severity: Severity
    text: str
    opened: float
    closed: float | None = None
    facts: dict[str, Any] = {}


class Tells(Protocol):
    """Who is told of alerts."""

    def tell(self, alert: Alert) -> None:
        """``alert`` opens, has changed (same ``id`` and ``opened``), or closes (``closed`` is set)."""

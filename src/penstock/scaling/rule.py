"""What a rule says, before bounds and pauses: the part of a policy that is different from policy to policy. Pure."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from penstock.scaling.seen import Seen


class Need(Struct, frozen=True):
    """``wanted``: replicas; ``reason`` for people; ``urgent``: the pause after a growth does not hold it up."""

    wanted: int
    reason: str
    confidence: float = 1.0
    urgent: bool = False


def unknown(seen: Seen, what: str) -> Need:
    """While a rule has not what it goes by (``what``), all stay as they are; but where nothing comes none is needed."""
    if seen.is_idle:
        return Need(0, f"no calls come; {what}", confidence=0.0)
    return Need(seen.wanted, what, confidence=0.0)


class Rule(Protocol):
    """See the module."""

    name: str

    def need(self, seen: Seen) -> Need:
        """Asked every few seconds."""

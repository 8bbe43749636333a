"""Whether an event waits for the next, so that both leave as one. Pure.

Enters: an event, how far its caller is, how much of its buffer is unread. Leaves: yes or no. The rule, in its order:
what is special, and what ends a phrase, goes at once; so does all that a near caller gets; short text waits; under
pressure all text does.
"""

from __future__ import annotations

from penstock.streaming.config import MergeConfig
from penstock.wire.pieces import Piece

_PAUSES = tuple(".!?,;:…。！？、，；：)]}\"'`\n")


def waits(piece: Piece, round_trip: float | None, unread: float, rule: MergeConfig) -> bool:
    """Whether ``piece`` may be held back. ``round_trip`` in seconds, None where unknown; ``unread`` share of 1."""
    if piece.kind != "text" or piece.text.rstrip(" ").endswith(_PAUSES):
        return False
    if round_trip is None or round_trip < rule.fast_client:
        return False
    return len(piece.text) < rule.short or unread > rule.pressure

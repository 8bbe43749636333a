"""Whether a text may be cut into tokens at all. Pure.

Enters any text of a caller. Leaves yes or no: a text that is too long is refused unread, for a tokeniser lets nobody
else work meanwhile, half a millisecond a thousand bytes.
"""

from __future__ import annotations

MOST_BYTES = 1024
"""English has four to five a token."""


def readable(text: str) -> bool:
    """Not blank, not too long, and no half of a surrogate pair."""
    if len(text) > MOST_BYTES or not text.strip():
        return False
    try:
        return len(text.encode()) <= MOST_BYTES
    except UnicodeEncodeError:
        return False

"""Joining a second text to a first one that is already out: nothing repeated, nothing missing. Pure.

Enters: the text so far, then the pieces of the second as they come. Leaves: what of them is new. Pieces are held back
only while they may still be a repetition. Fails with Unjoinable when the second text tells something else.
"""

from __future__ import annotations

LEAST_ECHO_CHARACTERS = 16
"""A continuation that begins with the whole of so long a text repeats it; with less, it may well say it again."""
LEAST_OVERLAP_CHARACTERS = 8
"""A repetition that begins in mid-word is one from this length on; at a word's beginning any length will do."""


class Unjoinable(Exception):
    """The second text does not lead on from the first."""


class Join:
    """See the module. ``way``: ``prefill`` (the server goes on from the very end), ``instruction`` (a model was asked
    to; it may repeat the end, or begin again) or ``restart`` (the whole text comes again). ``unsent`` is whitespace
    at the end of the first text that the server was not shown."""

    def __init__(self, told: str, way: str, unsent: str = "") -> None:
        self._told = told
        self._way = way
        self._unsent = unsent
        self._held = ""
        self._open = way == "prefill" and not unsent and len(told) < LEAST_ECHO_CHARACTERS

    def feed(self, piece: str) -> str:
        """What of ``piece``, and of what was held back, is new text. Raises Unjoinable."""
        if self._open:
            return piece
        self._held += piece
        return self._settled(ended=False)

    def finish(self) -> str:
        """The second text has ended: what was held back and is new. Raises Unjoinable."""
        return "" if self._open else self._settled(ended=True)

    def _settled(self, ended: bool) -> str:
        told, held = self._told, self._held
        if (
            len(held) >= len(told)
            and held.startswith(told)
            and (self._way != "prefill" or len(told) >= LEAST_ECHO_CHARACTERS)
        ):
            return self._release(len(told))
        may_repeat_all = told.startswith(held) and not ended
        if self._way == "restart":
            if may_repeat_all:
                return ""
            raise Unjoinable("the second answer is another one")
        if self._way == "prefill":
            if may_repeat_all and len(told) >= LEAST_ECHO_CHARACTERS:
                return ""
            if self._unsent.startswith(held) and not ended:
                return ""
            return self._release(_common_start(held, self._unsent))
        if may_repeat_all or (not ended and self._may_still_overlap()):
            return ""
        repeated = longest_overlap(told, held)
        if not repeated and _common_start(told, held) >= LEAST_ECHO_CHARACTERS:
            raise Unjoinable("the second answer begins like the first and becomes another one")
        return self._release(repeated)

    def _may_still_overlap(self) -> bool:
        """Whether the held text stands in the end of the first, so that more of it may follow."""
        return self._told.find(self._held, max(0, len(self._told) - 4096)) >= 0 and bool(self._held)

    def _release(self, repeated: int) -> str:
        self._open = True
        held, self._held = self._held, ""
        return held[repeated:]

    def __repr__(self) -> str:
        return f"<Join {self._way} {'open' if self._open else f'holds {len(self._held)}'}>"


def longest_overlap(told: str, more: str) -> int:
    """How many characters at the beginning of ``more`` repeat the end of ``told``."""
    for length in range(min(len(told), len(more)), 0, -1):
        if told.endswith(more[:length]) and _is_repetition(told, length):
            return length
    return 0


def _is_repetition(told: str, length: int) -> bool:
    if length >= LEAST_OVERLAP_CHARACTERS or length == len(told):
        return True
    first, before = told[-length], told[-length - 1]
    return first.isspace() or not (first.isalnum() and before.isalnum())


def _common_start(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length

"""Whether two answers say the same, as far as text alone can tell.

Enters: two answers, and how alike their vectors are, where somebody knows. Leaves: True, False, or None for "a judge
must say". Numbers decide first: two answers with different numbers are never equal. Nothing fails.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 20_000
"""Characters that are compared word by word; longer answers are equal only if they are the same."""
SHORT = 3
"""Words up to which an answer is a fact by itself: two that differ are two answers."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_YES = frozenset(["yes", "yeah", "correct", "true", "right"])
_NO = frozenset(["no", "not", "false", "incorrect", "never", "cannot"])


def normal(text: str) -> str:
    """Case, width, blanks, and marks at the end do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .!…\"'`*")


def compare(a: str, b: str, similarity: float | None = None) -> bool | None:
    """See the module. ``similarity``: cosine of the answers' vectors."""
    a, b = normal(a), normal(b)
    if a == b:
        return True if a else None
    if not a or not b or len(a) > LONGEST or len(b) > LONGEST:
        return None if a and b else False
    if _numbers(a) != _numbers(b):
        return False
    words_a, words_b = _WORD.findall(a), _WORD.findall(b)
    if words_a == words_b:
        return True
    set_a, set_b = set(words_a), set(words_b)
    if _polarity(words_a) * _polarity(words_b) < 0:
        return False
    if min(len(words_a), len(words_b)) <= SHORT and max(len(words_a), len(words_b)) <= 2 * SHORT:
        return False
    common = len(set_a & set_b) / (len(set_a | set_b) or 1)
    if common >= 0.9 or (similarity is not None and similarity >= 0.95 and common >= 0.5):
        return True
    if similarity is not None and similarity < 0.4 and common < 0.2:
        return False
    return None


def _numbers(text: str) -> list[str]:
    return sorted({found.replace(",", "") for found in _NUMBER.findall(text)})


def _polarity(found: list[str]) -> int:
    """1 for an answer that begins with yes, -1 with no, 0 otherwise."""
    first = found[0] if found else ""
    return (first in _YES) - (first in _NO)

"""The words of a command line as they may be shown: what follows an option or variable that names a secret may not.

Enters: words. Leaves: the same, masked. Pure. A secret that is called something else is not known for one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_NAME = r"(?:[\w-]*[-_])?(?:api[-_]?key|key|token|password|passwd|secret)"
_OPTION = re.compile(rf"-{{1,2}}{_NAME}", re.ASCII | re.IGNORECASE)
_WITHIN = re.compile(rf"((?<![\w-])(?:-{{0,2}}{_NAME}=|-{{1,2}}{_NAME}\s+)[\"']?)([^\s\"']+)", re.ASCII | re.IGNORECASE)
"""In one word, as in ``--api-key=...``, ``HF_TOKEN=...``, and in a script that a shell is given."""


def secret_words(words: Sequence[str]) -> list[str]:
    """What of ``words`` is secret."""
    found: list[str] = []
    for last, word in pairwise(["", *words]):
        found += [word] if _is_secret(word, last) else [match[2] for match in _WITHIN.finditer(word)]
    return found


def masked_words(words: Sequence[str], mask: str) -> list[str]:
    """``words`` with ``mask`` in place of what is secret."""
    return [
        mask if _is_secret(word, last) else _WITHIN.sub(rf"\g<1>{mask}", word) for last, word in pairwise(["", *words])
    ]


def _is_secret(word: str, last: str) -> bool:
    """Whether all of a word is secret, by the one before it."""
    return bool(word and not word.startswith("-") and _OPTION.fullmatch(last))

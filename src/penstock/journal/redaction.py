"""Words that must not be kept, taken out of what was asked before it is written. Pure.

Enters: a body as JSON. Leaves: the same with each match in its texts (names of members stay) as ``[redacted]``. May
fail: ValueError for what is no JSON. Known kinds have a name; any other is a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

REDACTED = "[redacted]"
KINDS = {
    "email": r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    "phone": r"(?<!\w)\+?\d{1,3}[ ./-]?\(?\d{2,5}\)?(?:[ ./-]?\d{2,5}){2,4}(?!\w)",
    "card": r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "secret": r"\b(?:sk|pk|ghp|gho|xox[abp]|AKIA)[-_A-Za-z0-9]{12,}",
}
"""Rather too much than too little is taken out."""


class Redaction:
    """See the module. The constructor raises ValueError, in words, for what is no expression."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_compiled(pattern) for pattern in patterns]

    def __call__(self, body: bytes) -> bytes:
        return msgspec.json.encode(self._without(msgspec.json.decode(body)))

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            for pattern in self._patterns:
                value = pattern.sub(REDACTED, value)
            return value
        if isinstance(value, list):
            return [self._without(one) for one in value]
        if isinstance(value, dict):
            return {name: self._without(one) for name, one in value.items()}
        return value

    def __repr__(self) -> str:
        return f"<Redaction of {len(self._patterns)} patterns>"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(KINDS.get(pattern, pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern[:60]!r} is neither {', '.join(KINDS)} nor a regular expression: {error}") from None

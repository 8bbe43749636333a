"""The one thing read of a multipart body (RFC 7578): the value of its ``model`` field, when it stands early. Pure."""

from __future__ import annotations

import re

MAX_SEEN_BYTES = 64 * 1024

# Possessive and bounded throughout: the first bytes of a form are anybody's, and must not make the search crawl.
_MODEL = re.compile(
    rb"(?:^|\r\n)content-disposition:[ \t]*+form-data[ \t]*+;[ \t]*+name=(?:\"model\"|model)[ \t]*+(?:;[^\r\n]*+)?\r\n"
    rb"(?:[^\r\n]++\r\n){0,8}+\r\n([^\r\n]{1,256})\r\n",
    re.IGNORECASE,
)


def model_field(early: bytes) -> str:
    """The model named in the first bytes of a form, or an empty string."""
    found = _MODEL.search(early[:MAX_SEEN_BYTES])
    return found.group(1).decode("utf-8", "replace") if found else ""

"""The query of a handshake: which model it asks for, and what of it an upstream gets. Pure.

Enters: the query as sent. Leaves: a name, or a query that no reader can take for more than it says: decoded and encoded
again, with no line breaks and no second model. May fail: CallerError 400.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode

from penstock.core.errors import CallerError

MOST_PARAMETERS = 64
_CREDENTIAL = re.compile(r"api[-_]?key|secret|passw|authorization|(?:^|[-_])(?:token|key)$", re.IGNORECASE)


def asked_model(query: bytes) -> str:
    """The model that ``query`` names. Raises CallerError when it names none, or several."""
    names = [value for name, value in _parameters(query) if name == "model"]
    if len(names) > 1:
        raise CallerError("the query names more than one model", code="bad_query", param="model")
    if not names or not names[0]:
        raise CallerError("the query must name a model: ?model=NAME", code="missing_model", param="model")
    return names[0]


def sent_query(query: bytes, model: str) -> bytes:
    """``query`` for an upstream that calls the model ``model``, without what could be a key of the caller's.

    OpenAI refuses a session for transcription whose query names a model: there it only leads to the upstream.
    """
    rest = [pair for pair in _parameters(query) if pair[0] != "model" and not _CREDENTIAL.search(pair[0])]
    named = [] if ("intent", "transcription") in rest else [("model", model)]
    return urlencode([*named, *rest], quote_via=quote).encode()


def _parameters(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise CallerError(
            f"the query is not UTF-8, or has over {MOST_PARAMETERS} parameters", code="bad_query"
        ) from None

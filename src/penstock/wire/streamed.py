"""The body of a call without a stream, made to ask for one: the rewrite of ``rescue: all``.

Enters: the name of an operation and a body that ``peek`` accepted. Leaves: the body with ``stream`` true, and usage
asked for where streams tell it only when asked; None for a call whose answer no stream would bring whole.
May fail: not at all; a body that cannot be looked through is left alone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.core.errors import CallerError
from penstock.wire.json_scan import splice, values_of

_ASKED = {
    "chat": {"stream": b"true", "stream_options": b'{"include_usage":true}'},
    "completions": {"stream": b"true", "stream_options": b'{"include_usage":true}'},
    "messages": {"stream": b"true"},
}

HARMLESS: dict[str, tuple[Any, ...]] = {
    "stream_options": (None,),  # wrong without a stream: what the upstream says of it is for the caller to see
    "audio": (None,),
    "modalities": (None, ["text"]),
    "best_of": (None, 1),
    "echo": (None, False),
    "use_beam_search": (None, False),
    "prompt_logprobs": (None,),
    "return_hidden_states": (None, False),
    "kv_transfer_params": (None,),
}
"""Fields that ask for what streams do not bring, or bring otherwise, and the values with which they do not."""


def as_stream(operation: str, body: bytes) -> bytes | None:
    """See the module."""
    changes = _ASKED.get(operation)
    if changes is None:
        return None
    try:
        for name, value in values_of(body, HARMLESS).items():
            if msgspec.json.decode(value) not in HARMLESS[name]:
                return None
        return splice(body, changes)
    except (ValueError, RecursionError, CallerError):
        return None

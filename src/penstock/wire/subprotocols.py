"""Subprotocols of a WebSocket's handshake. Browsers show keys among them, since they can set no other field. Pure.

Enters: what a caller offers, in its order. Leaves: the key as a field, and the names that others may see.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.call import Headers

KEY_MARK = b"openai-insecure-api-key."
_PRIVATE = (KEY_MARK, b"openai-organization.", b"openai-project.")
"""A key, and whose account of the operator's pays: as fields they do not pass either."""


def with_key(headers: Headers, offered: Sequence[bytes]) -> Headers:
    """``headers``, and the key that is ``offered``, where the room that asks for it looks."""
    key = next((name.removeprefix(KEY_MARK) for name in offered if name.startswith(KEY_MARK)), b"")
    return [*headers, (b"authorization", b"Bearer " + key)] if key else headers


def is_of_handshake(name: bytes) -> bool:
    """Whether the field ``name`` is about the socket on one side, or the page that opened it."""
    return name.startswith(b"sec-websocket-") or name == b"origin"


def tellable(offered: Sequence[bytes]) -> list[bytes]:
    """What of ``offered`` may be repeated to the caller or sent to an upstream."""
    return [name for name in offered if not name.startswith(_PRIVATE)]

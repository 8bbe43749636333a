"""The fingerprint of all of a call but its last user text: only within one partition are questions compared. Pure.

Enters: whatever shapes an answer, without the text. Leaves: a keyed digest; one differing byte anywhere (another
tenant, system prompt, history, tool, parameter, class, embedder) gives another. May fail: not at all for what JSON can
hold.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

PARTITION_BYTES = 16

_encode = msgspec.json.Encoder(order="deterministic").encode


def partition(known: bytes, version: str, rest: dict[str, Any]) -> bytes:
    """See the module. ``known``: all of the question but its body (``wire.asked.prefix``: secret, operation,
    scope, fields of the head, configuration, class); ``version``: of the embedder; ``rest``: ``Prompt.rest``."""
    parts = (b"semantic", known, version.encode(), _encode(rest))
    # Each with its length, so that nothing can be moved from one part into the next.
    head = " ".join(str(len(part)) for part in parts).encode()
    return hashlib.sha256(b"%b\0%b" % (head, b"".join(parts))).digest()[:PARTITION_BYTES]

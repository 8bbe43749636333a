"""What a call asks, in a form that tells equal calls from others: for caches and for calls that may share a flight.

Enters: a call whose body ``peek`` accepted, a secret of the deployment, and whose answers may be shared (scope).
Leaves: Asked, whose digest is equal for calls that differ only in what does not shape the answer. May fail: not at
all; what cannot be told apart is None.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.core.call import Call

UNSHAPING = frozenset({"stream", "stream_options", "user", "metadata", "prompt_cache_key", "safety_identifier"})
"""Fields that say how an answer is delivered or to whom, and not what it says."""

DIGEST_BYTES = 16

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(slots=True)
class Asked:
    """One question. ``fields`` are its canonical members without those that are ``UNSHAPING``. ``deterministic``: asked
    at temperature 0, or an operation that has none. ``effects``: the call may do something beside answering
    (``store``, ``background``, server-side tools)."""

    digest: bytes
    fields: dict[str, Any]
    deterministic: bool
    effects: bool
    tools: bool
    images: bool


def asked(call: Call, secret: bytes, scope: str) -> Asked | None:
    """See the module."""
    if call.operation.body != "json":
        return None
    try:
        fields = {name: value for name, value in _decode(call.body).items() if name not in UNSHAPING}
        canonical = _encode(fields)
    except (ValueError, RecursionError):
        return None
    head = f"{call.operation.name}\n{scope}\n".encode()
    digest = hashlib.blake2b(head + canonical, key=secret, digest_size=DIGEST_BYTES).digest()
    return Asked(
        digest,
        fields,
        deterministic=call.operation.name == "embeddings" or fields.get("temperature") == 0,
        effects=bool(fields.get("store") or fields.get("background")),
        tools=bool(fields.get("tools")),
        images=b"image" in call.body,
    )

"""An engine's refusal of a text that is too long for one embedding, as what it is: the caller's doing.

Enters: a reply to a call for embeddings. Leaves: the same, or 400 ``context_length_exceeded`` in place of llama.cpp's
500, which would be tried again and held against the engine. Fails as the reply's body does.
"""

from __future__ import annotations

import json

from penstock.core.reply import Reply, collect

MOST_BYTES = 64 * 1024
MARK = b"too large to process"


async def as_refusal(reply: Reply) -> Reply:
    """See the module."""
    if reply.status != 500:
        return reply
    body = await collect(reply.body, MOST_BYTES)
    reply.length = None
    if MARK not in body:
        reply.body = body
        return reply
    error = {
        "message": f"{_said(body)}: the embedded model reads one text of an embedding at once; send shorter ones",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
        "param": "input",
    }
    return Reply(400, [(b"content-type", b"application/json")], json.dumps({"error": error}).encode())


def _said(body: bytes) -> str:
    """How long it was, and how long it may be, in the engine's words."""
    try:
        message = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "an input is too large"
    return message.replace("increase the physical batch size (current batch size:", "it may have at most (")

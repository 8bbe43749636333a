"""Anthropic's way to ask for a job: its calls in the body, made into the lines of a file. Pure.

Enters: the body of a ``POST /v1/messages/batches``. Leaves: lines. May fail: CallerError 400.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.core.errors import CallerError
from penstock.jobs.record import compact


class _Request(msgspec.Struct):
    custom_id: Any
    params: msgspec.Raw


class _Body(msgspec.Struct):
    requests: list[_Request]


def lines_of(body: bytes) -> list[bytes]:
    """One line a request."""
    try:
        body.decode()
        asked = msgspec.json.decode(body, type=_Body)
    except (ValueError, RecursionError) as error:
        raise CallerError(f"the body is not what /v1/messages/batches takes: {error}", code="invalid_request") from None
    if not asked.requests:
        raise CallerError("requests is empty", code="invalid_request", param="requests")
    return [
        msgspec.json.encode(
            {"custom_id": one.custom_id, "method": "POST", "url": "/v1/messages", "body": compact(bytes(one.params))}
        )
        for one in asked.requests
    ]

"""The list of models and one model, in OpenAI's shape and in Anthropic's. Enters: ids. Leaves: bytes. Does not fail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec


def _object(id: str, created: int, dialect: str, owned_by: str) -> dict[str, Any]:
    if dialect == "anthropic":
        moment = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"type": "model", "id": id, "display_name": id, "created_at": moment, "lifecycle": "active"}
    return {"id": id, "object": "model", "created": created, "owned_by": owned_by}


def models_list(ids: Sequence[str], created: int, dialect: str, owned_by: str = "penstock") -> bytes:
    """The models that a caller may use; ``created`` is in Unix seconds."""
    data = [_object(id, created, dialect, owned_by) for id in ids]
    if dialect == "anthropic":
        ends = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
        return msgspec.json.encode({"data": data, "has_more": False, **ends})
    return msgspec.json.encode({"object": "list", "data": data})


def model_object(id: str, created: int, dialect: str, owned_by: str = "penstock") -> bytes:
    """One model."""
    return msgspec.json.encode(_object(id, created, dialect, owned_by))

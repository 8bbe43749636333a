"""What callers can ask for: the table of operations, and how a request path leads to one.

A path may come with ``/v1``, without it, or with it doubled (a base URL written with and without it by turns).
``Operation.path`` is relative to an upstream's ``base_url``; for paths that carry an id it holds the id too, while
``Operation.name`` never does. Models are listed by the edge and are not here.
"""

from __future__ import annotations

import re

from penstock.core.call import Operation

_PASS = ("GET", "POST", "DELETE")

OPERATIONS: tuple[Operation, ...] = (
    Operation("chat", "openai", "/chat/completions", streams=True),
    Operation("completions", "openai", "/completions", streams=True),
    Operation("embeddings", "openai", "/embeddings"),
    Operation("responses", "openai", "/responses", streams=True),
    Operation("response_tokens", "openai", "/responses/input_tokens"),
    Operation("response_compact", "openai", "/responses/compact"),
    Operation("rerank", "openai", "/rerank"),
    Operation("moderations", "openai", "/moderations", needs_model=False),
    Operation("images", "openai", "/images/generations", streams=True, needs_model=False),
    Operation("image_edits", "openai", "/images/edits", "opaque", streams=True, needs_model=False),
    Operation("image_variations", "openai", "/images/variations", "opaque", needs_model=False),
    Operation("speech", "openai", "/audio/speech", streams=True),
    Operation("transcriptions", "openai", "/audio/transcriptions", "opaque", streams=True, needs_model=False),
    Operation("translations", "openai", "/audio/translations", "opaque", needs_model=False),
    Operation("files", "openai", "/files", "opaque", needs_model=False, methods=("GET", "POST")),
    Operation("uploads", "openai", "/uploads", "opaque", needs_model=False),
    Operation("batches", "openai", "/batches", "opaque", needs_model=False, methods=("GET", "POST")),
    Operation("realtime", "openai", "/realtime", "none", methods=("GET",), upgrades=True),
    Operation("messages", "anthropic", "/messages", streams=True),
    Operation("count_tokens", "anthropic", "/messages/count_tokens"),
    Operation(
        "message_batches", "anthropic", "/messages/batches", "opaque", needs_model=False, methods=("GET", "POST")
    ),
)
"""Operations with a fixed path."""

BELOW: tuple[Operation, ...] = (
    Operation("response", "openai", "/responses", "opaque", streams=True, needs_model=False, methods=_PASS),
    Operation("file", "openai", "/files", "opaque", needs_model=False, methods=_PASS),
    Operation("upload", "openai", "/uploads", "opaque", needs_model=False, methods=_PASS),
    Operation("batch", "openai", "/batches", "opaque", needs_model=False, methods=_PASS),
    Operation("message_batch", "anthropic", "/messages/batches", "opaque", needs_model=False, methods=_PASS),
)
"""Operations on one stored thing: the path of the collection, then an id and what belongs to it."""

ROUTES: dict[str, Operation] = {
    prefix + operation.path: operation for operation in OPERATIONS for prefix in ("/v1", "", "/v1/v1")
}

# An id goes into the upstream's path: no empty or dot segment and nothing percent-encoded, so that it cannot climb
# out of its collection.
_STORED = re.compile(
    r"(?:/v1){0,2}(/responses|/files|/uploads|/messages/batches|/batches)((?:/[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,255}){1,3})"
)


def find(path: str) -> Operation | None:
    """The operation that ``path`` (as sent, without the query) names, or None. Methods are not looked at."""
    found = ROUTES.get(path)
    if found is not None:
        return found
    stored = _STORED.fullmatch(path)
    if stored is None:
        return None
    collection, rest = stored.groups()
    for operation in BELOW:
        if operation.path == collection:
            return operation.at(collection + rest)
    return None

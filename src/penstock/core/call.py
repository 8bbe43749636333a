"""What is asked: an operation, its head, and (after the memory room) its body and the few fields peeked from it.

The edge fills the head, the memory room fills ``body`` and the peeked fields; after that nobody writes to a Call.
A room that needs another request (a rewritten model, a fallback) passes its own values to the provider instead.
"""

from __future__ import annotations

from typing import Any, Literal

Headers = list[tuple[bytes, bytes]]
"""Field lines in order; names are lower-case bytes, values as received."""

BodyKind = Literal["none", "json", "opaque"]
Dialect = Literal["openai", "anthropic"]


class Operation:
    """One thing an upstream API offers, e.g. chat completions. Nobody writes to it. No dataclass, whose fields cost
    compiled code many times what those of a class do.

    ``path`` is relative to an upstream's ``base_url`` (which ends in ``/v1`` for OpenAI-like servers).
    ``body``: ``json`` bodies are held whole (bounded) and peeked; ``opaque`` ones (multipart) are streamed through
    unread; ``none`` has no body. ``streams`` tells whether the answer may be an SSE stream, ``upgrades`` that it is a
    WebSocket (its query names the model).
    """

    __slots__ = ("body", "dialect", "methods", "name", "needs_model", "path", "streams", "upgrades")

    def __init__(
        self, name: str, dialect: Dialect, path: str, body: BodyKind = "json", streams: bool = False,
        needs_model: bool = True, methods: tuple[str, ...] = ("POST",), upgrades: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        self.dialect = dialect
        self.path = path
        self.body = body
        self.streams = streams
        self.needs_model = needs_model
        self.methods = methods
        self.upgrades = upgrades

    def at(self, path: str) -> Operation:
        """The same at another path."""
        return Operation(
            self.name, self.dialect, path, self.body, self.streams, self.needs_model, self.methods, self.upgrades
        )

    def __repr__(self) -> str:
        return f"<Operation {self.name} {self.path}>"


class Call:
    """One request. ``client`` is the caller's address (from the socket or a trusted proxy).

    ``memo`` holds what rooms have derived from the head alone (under keys of their own, such as the room object). A
    keep-alive caller that repeats its head shares one memo over its requests, and so pays for the derivation once.
    ``remembered`` is what is known of its body from an equal one before (a ``wire.json.Remembered``), ``members`` are
    a large body and its raw top-level members, where ``wire.json`` has found them and none stands there twice.
    """

    __slots__ = (
        "body",
        "client",
        "headers",
        "max_tokens",
        "members",
        "memo",
        "method",
        "model",
        "operation",
        "path",
        "query",
        "remembered",
        "session",
        "stream",
        "temperature",
        "usage_wanted",
    )

    def __init__(
        self,
        operation: Operation,
        method: str,
        path: str,
        query: bytes,
        headers: Headers,
        client: str,
        memo: dict[Any, Any] | None = None,
    ) -> None:
        self.operation = operation
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.client = client
        self.memo = {} if memo is None else memo
        self.body = b""
        self.model = ""
        self.stream = False
        self.max_tokens: int | None = None
        self.usage_wanted = False
        self.session = ""
        self.temperature: float | None = None
        self.remembered: Any = None
        self.members: tuple[bytes, dict[str, Any]] | None = None

    def twin(self) -> Call:
        """Another that says the same, for who asks in other words."""
        twin = Call(self.operation, self.method, self.path, self.query, self.headers, self.client, self.memo)
        twin.body = self.body
        twin.model = self.model
        twin.stream = self.stream
        twin.max_tokens = self.max_tokens
        twin.usage_wanted = self.usage_wanted
        twin.session = self.session
        twin.temperature = self.temperature
        twin.remembered = self.remembered
        twin.members = self.members
        return twin

    def header(self, name: bytes) -> bytes | None:
        """The first value of the field ``name`` (lower-case), or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def __repr__(self) -> str:
        return f"<Call {self.operation.name} model={self.model!r} stream={self.stream} body={len(self.body)}B>"

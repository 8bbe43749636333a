"""One question on its way through the room, with what was found out about it so far. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector
    from penstock.cache.verify.lexical import Prepared
    from penstock.cache.verify.verdict import Verdict


class Question:
    """``model`` is the configured entry that serves it, ``version`` that of the embedder. ``vector``, ``prepared`` and
    ``verdict`` are None until it was looked for."""

    __slots__ = ("model", "operation", "partition", "prepared", "text", "vector", "verdict", "version")

    def __init__(self, text: str, operation: str, partition: bytes, model: str, version: str) -> None:
        self.text = text
        self.operation = operation
        self.partition = partition
        self.model = model
        self.version = version
        self.vector: Vector | None = None
        self.prepared: Prepared | None = None
        self.verdict: Verdict | None = None

    def __repr__(self) -> str:
        return f"<Question of {len(self.text)} characters for {self.model}, in {self.partition.hex()[:8]}>"

"""One call as strategies see it: what it costs a model server, whom it belongs to, what of it may be cached there.

Enters: a peeked call. Leaves: an Ask. Pure; the moment is passed in. Its prompt is cut into blocks whose hashes each
cover all that stands before (so equal hashes mean equal beginnings), salted with the caller's scope and the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Final

from penstock.core.call import Call
from penstock.routing.sizes import Sizes

SHORT_BLOCK: Final = 256
BLOCKS: Final[tuple[tuple[int, int], ...]] = ((SHORT_BLOCK, 8), (1024, 14), (4096, 28), (16384, 56))
"""Bytes, and how many blocks of that size: the longer a prompt, the less one block of it matters, and the more all of
them cost. They cover a megabyte; what lies beyond tells servers apart no more."""

BOUNDS: Final = tuple(accumulate([size for size, count in BLOCKS for _ in range(count)]))
_PROMPT_OF: Final = {
    "chat": b'"messages"',
    "messages": b'"messages"',
    "completions": b'"prompt"',
    "responses": b'"input"',
}
"""Where the part begins of which servers remember the beginning. What stands before it in the body (the model, the
tools) is in no prompt, or is the same for all calls of a session."""


class Ask:
    """See the module. ``model``: its name at the upstream; ``tokens``: of the prompt, estimated; ``output``: of the
    answer, expected; ``session``: "" for none; ``scope``: whose it is; ``sizes`` learn from its end. ``blocks`` are
    hashes, ``bounds`` where each block ends, ``size`` where the prompt ends, in the same unit (bytes; tokens in
    simulations). ``hits``: by a target's slot, the share of the prompt likely cached there; ``near``: the name of the
    target that should serve it, "" for any; ``start``: what its ``beginning`` is, where its body is not at hand."""

    __slots__ = (
        "blocks", "bounds", "call", "hits", "model", "near", "now", "output", "scope", "session", "size", "sizes",
        "start", "tokens",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        now: float,
        model: str = "",
        tokens: float = 0.0,
        output: float = 0.0,
        session: str = "",
        scope: str = "",
        sizes: Sizes | None = None,
    ) -> None:
        self.call = call
        self.model = model
        self.now = now
        self.tokens = tokens
        self.output = output
        self.session = session
        self.scope = scope
        self.sizes = sizes
        self.blocks: Sequence[int] = ()
        self.bounds: Sequence[int] = ()
        self.size = 0
        self.hits: dict[int, float] = {}
        self.near = ""
        self.start: bytes | None = None

    def cut(self) -> None:
        """Fill in the blocks of the prompt."""
        body = self.call.body
        start = prompt_at(self.call) if len(body) > SHORT_BLOCK else -1
        if start >= 0:
            self.size = len(body) - start
            self.blocks = chain(body, start, hash((self.scope, self.model)))
            self.bounds = BOUNDS

    def beginning(self) -> bytes:
        """A digest of what a prompt begins with, the same in every process; nothing of one shorter than a block."""
        if self.start is not None:
            return self.start
        start = prompt_at(self.call)
        first = self.call.body[start : start + SHORT_BLOCK] if start >= 0 else b""
        return blake2b(first, digest_size=16).digest() if len(first) == SHORT_BLOCK else b""

    def reach(self, depth: int) -> float:
        """The share of the prompt that its first ``depth`` blocks cover."""
        share = self.bounds[depth - 1] / self.size if depth else 0.0
        return share if share < 1.0 else 1.0

    def __repr__(self) -> str:
        return f"<Ask {self.tokens:.0f} tokens in {len(self.blocks)} blocks, {self.output:.0f} expected>"


def prompt_at(call: Call) -> int:
    """Where in the body the prompt begins; -1 for none."""
    mark = _PROMPT_OF.get(call.operation.name)
    return call.body.find(mark) if mark is not None else -1


def chain(body: bytes, start: int, salt: int) -> list[int]:
    """Chained hashes of the whole blocks of ``body`` from ``start`` on. They hold within this process only."""
    blocks: list[int] = []
    before = salt
    at = start
    for bound in BOUNDS:
        end = start + bound
        if end > len(body):
            break
        before = hash((before, body[at:end]))
        blocks.append(before)
        at = end
    return blocks

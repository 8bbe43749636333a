"""Which calls may go together: those that ask the same of the same model, but for what stands in their lists. Pure.

Enters: an exchange and its part. Leaves: a key that is equal for them. May fail: CallerError for a head that cannot be
sent on.
"""

from __future__ import annotations

from typing import Literal

from penstock.core.exchange import Exchange
from penstock.wire.merged_call import Part
from penstock.wire.shaping import shaping


class Compatibility:
    """The rules. With the scope ``key`` only calls that came with one key meet."""

    def __init__(self, scope: Literal["key", "all"]) -> None:
        self._all = scope == "all"
        self._place = object()  # of what a head shapes, in the memo of its caller

    def key(self, exchange: Exchange, part: Part) -> bytes:
        """See the module. Classes of priority do not meet: who waits for others must not wait for lower ones."""
        call = exchange.call
        shape: bytes | None = call.memo.get(self._place)
        if shape is None:
            shape = call.memo[self._place] = shaping(call)
        whose = b"" if self._all else exchange.key.encode()
        path = call.operation.path.encode()
        return b"\0".join((path, b"%d" % exchange.priority, part.kind, whose, call.model.encode(), part.shape, shape))

    def __repr__(self) -> str:
        return f"<Compatibility of {'all' if self._all else 'each key'}>"

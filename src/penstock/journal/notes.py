"""Notes of finished calls on their way into the store's log. Pure: the log is passed in.

Enters: finished exchanges. Leaves: rows in the log, a few times a second, many together: one by one a store takes a
hundred times as long. Bounded by the log's queue: rows for which there is no room are lost and counted, and no call
waits for one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import Any, Final

import msgspec

from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.stored import Log
from penstock.journal.values import MOST_NAME_CHARACTERS, Values, encoded, values_of
from penstock.wire.asked import UNSHAPING

HASHED_BYTES: Final = 4096
"""Of a larger body, a quarter of this from its beginning, the rest from its end, and its size: that tells prompts
apart well enough to count them, and a call need not wait for a mebibyte to be hashed."""
NETWORK_EVERY: Final = 256
"""The kernel is asked for the round trip to the caller after every so many calls."""
MOST_SESSION_BYTES: Final = 1024
HELD_ROWS: Final = 1000
HELD_BYTES: Final = 1024 * 1024
"""When so many are held, or so much in their bodies, it is written at once, not at the next turn."""
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode


class Facts:
    """What the head of a call says to the journal; equal for all calls with this head."""

    __slots__ = ("keepable", "session", "tags")

    def __init__(self, call: Call, allowed: Collection[str]) -> None:
        self.session = (call.header(b"x-penstock-session") or b"")[:MOST_SESSION_BYTES]
        self.tags = (call.header(b"x-penstock-tags") or b"").decode("latin-1")[:MOST_NAME_CHARACTERS]
        said = call.header(b"x-penstock-classification")
        self.keepable = said is None or said.decode("latin-1").strip().lower() in allowed


class Notes:
    """Writes for one worker. ``log`` is None while there is nowhere to write to. Until ``key`` was called nothing is
    hashed, for a hash without the secret would give away what it hides."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.log: Log | None = None
        self.prompt_bytes = 0
        self.redact: Callable[[bytes], bytes] | None = None
        """What takes out of a body what must not be kept."""
        self.written = 0
        self.lost = 0
        self._wall = wall
        self._noted = 0
        self._rows: list[Values] = []
        self._bytes = 0
        self._keyed: Any = None

    @property
    def waiting_bytes(self) -> int:
        """Of rows that are not handed on yet, about."""
        return self._bytes

    def key(self, secret: bytes) -> None:
        """Hash with ``secret`` from now on; whoever shares the store must share it."""
        self._keyed = blake2b(key=secret, digest_size=16)

    def note(self, exchange: Exchange, facts: Facts) -> None:
        """Write the row of ``exchange``, which has finished."""
        if self.log is None:
            return
        call = exchange.call
        session = facts.session or call.session
        digest = hashed = ""
        if self._keyed is not None:
            body = call.body
            if body:
                digest = self._digest(exchange, body)
            if session:
                name = session.encode() if isinstance(session, str) else session
                hashed = self._hashed(exchange.scope, name)[:16]
        kept = None
        if self.prompt_bytes and facts.keepable and exchange.status == 200 and exchange.outcome == "ok":
            kept = self._kept(call)
        network = 0.0
        self._noted += 1
        if not self._noted % NETWORK_EVERY and exchange.caller is not None:
            network = exchange.caller.round_trip() or 0.0
        row = values_of(exchange, int(self._wall() * 1000), digest, hashed, facts.tags, network, kept)
        self._rows.append(row)
        if kept is not None:
            self._bytes += len(kept)
        if len(self._rows) >= HELD_ROWS or self._bytes > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._rows:
            return
        held, self._rows, self._bytes = self._rows, [], 0
        rows = [] if self.log is None else encoded(held)
        if self.log is not None and self.log.extend(rows):
            self.written += len(rows)
            self.lost += len(held) - len(rows)
        else:
            self.lost += len(held)

    def _digest(self, exchange: Exchange, body: bytes) -> str:
        asked: Any = exchange.asked
        if asked:  # a room above has told equal calls apart already, and better: by what they mean
            return "c" + str(asked.digest.hex())
        if len(body) > HASHED_BYTES:
            quarter = HASHED_BYTES // 4
            body = b"%d %b%b" % (len(body), body[:quarter], body[-3 * quarter :])
        return "b" + self._hashed(exchange.scope, body)

    def _hashed(self, scope: str, what: bytes) -> str:
        assert self._keyed is not None
        hasher = self._keyed.copy()  # a third cheaper than a new one with a key
        hasher.update(scope.encode() + b"\n" + what)
        hashed: str = hasher.hexdigest()
        return hashed

    def _kept(self, call: Call) -> msgspec.Raw | None:
        """What was asked, without what says for whom; None for what is too large, or no JSON."""
        body = call.body
        if call.operation.body != "json" or not body or len(body) > self.prompt_bytes:
            return None
        try:
            members = _members(body)
            for name in UNSHAPING.intersection(members):
                del members[name]
            kept = _encode(members)
            return msgspec.Raw(kept if self.redact is None else self.redact(kept))
        except (ValueError, RecursionError):
            return None

    def numbers(self) -> dict[str, int]:
        """What was written and lost since the start."""
        return {"written": self.written, "lost": self.lost}

    def __repr__(self) -> str:
        return f"<Notes {self.written} written, {self.lost} lost, {len(self._rows)} held>"

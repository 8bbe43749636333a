"""Bodies whose answers were told again, and what was found for them: who asks once more asks in the same bytes.

Enters: a hit that was worked out from its body. Leaves: what is known of equal bodies, for the room that reads bodies,
and the finished fields of their answers. Bounded in bytes, which the account counts; the oldest go, and are worked out
anew at their next hit. What is forgotten of an entry takes its body along. May fail: not at all.
"""

from __future__ import annotations

from penstock.cache.entry import Answer, Entry
from penstock.cache.policy import Terms
from penstock.core.call import Call, Headers
from penstock.core.ports import Account
from penstock.core.reply import Reply
from penstock.wire.asked import Asked
from penstock.wire.json import Remembered
from penstock.wire.peeked import Peek, StreamOptions

MOST_BYTES = 4 * 1024 * 1024
MOST_BODY_BYTES = 8 * 1024
RECALL_BYTES = 1500
"""What one counts for beside its body."""
ENTRY_FIELD = b"x-penstock-cache-entry"
SAVED_FIELD = b"x-penstock-saved-tokens"


class Hit:
    """One question that was asked in these bytes: under ``terms``, by those whose digests begin with ``prefix``."""

    __slots__ = ("_age", "_entry", "_headers", "_lines", "asked", "body", "prefix", "terms")

    def __init__(self, body: bytes, prefix: bytes, terms: Terms, digest: bytes) -> None:
        self.body = body
        self.prefix = prefix
        self.terms = terms
        # Only what tells equal calls: whoever needs more has to ask anew.
        self.asked = Asked(digest, {}, deterministic=True, effects=False, tools=False)
        self._entry: Entry | None = None
        self._age = -1
        self._headers: Headers = []
        self._lines = b""

    def reply(self, entry: Entry, answer: Answer, wall: float) -> Reply:
        """The answer, whole. Its fields are made once a second."""
        age = int(wall - entry.created)
        if age != self._age or entry is not self._entry:
            self._age, self._entry = age, entry
            self._headers = [(b"content-type", answer.content_type), *fields_of(entry, age)]
            self._lines = b"".join([b"%b: %b\r\n" % field for field in self._headers])
        reply = Reply(200, self._headers, answer.data)
        reply.lines = (self._headers, self._lines)
        return reply


class Recall:
    """See the module. ``bodies`` is looked up by who reads bodies."""

    def __init__(self, account: Account, most: int = MOST_BYTES) -> None:
        self.bodies: dict[bytes, Remembered] = {}
        self._by_digest: dict[bytes, Hit] = {}
        self._account = account
        self._most = most
        self.held = 0

    def note(self, call: Call, prefix: bytes, terms: Terms, digest: bytes) -> None:
        """An equal call was answered from the cache."""
        body = call.body
        if len(body) > MOST_BODY_BYTES:
            return
        hit = self._by_digest.get(digest)
        if hit is not None:
            if hit.body == body and hit.prefix == prefix and hit.terms is terms:
                return
            self.forget(digest)
        size = len(body) + RECALL_BYTES
        while self.held + size > self._most and self._by_digest:
            self.forget(next(iter(self._by_digest)))
        if not self._account.reserve(size):
            return
        self.held += size
        known = self.bodies.get(body)
        if known is None or known.operation is not call.operation:
            self._drop(known)
            known = self.bodies[body] = Remembered(call.operation, _seen(call))
        known.hits[prefix] = self._by_digest[digest] = Hit(body, prefix, terms, digest)

    def forget(self, digest: bytes) -> None:
        """The entry of that digest is gone."""
        hit = self._by_digest.pop(digest, None)
        if hit is None:
            return
        size = len(hit.body) + RECALL_BYTES
        self.held -= size
        self._account.release(size)
        known = self.bodies[hit.body]
        del known.hits[hit.prefix]
        if not known.hits:
            del self.bodies[hit.body]

    def _drop(self, known: Remembered | None) -> None:
        """The same bytes, asked of another operation."""
        for hit in [] if known is None else list(known.hits.values()):
            self.forget(hit.asked.digest)

    def clear(self) -> None:
        """Nothing is known any more."""
        self._account.release(self.held)
        self.held = 0
        self.bodies.clear()  # it is looked up by others: it stays the same object
        self._by_digest.clear()

    def __repr__(self) -> str:
        return f"<Recall {len(self.bodies)} bodies, {self.held} of {self._most} bytes>"


def _seen(call: Call) -> Peek:
    """What was peeked, as it stands in the call."""
    return Peek(
        model=call.model,
        stream=call.stream,
        max_output_tokens=call.max_tokens,
        user=call.session,
        temperature=call.temperature,
        stream_options=StreamOptions(call.usage_wanted),
    )


def fields_of(entry: Entry, age: int) -> Headers:
    """What a head says of an answer that was kept."""
    return [
        (b"age", b"%d" % max(0, age)),
        (ENTRY_FIELD, entry.name.encode()),
        (SAVED_FIELD, b"%d" % (entry.tokens_in + entry.tokens_out)),
    ]

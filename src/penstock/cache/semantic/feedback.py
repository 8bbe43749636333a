"""``POST /v1/feedback``: a caller says of an answer from the cache that it was wrong, or right. Pure but for what it
awaits.

Enters: ``{"request": id}`` or ``{"entry": id}``, with ``"wrong": true`` or ``"rating": "wrong" | "right"``. Leaves:
what came of it. A wrong answer leaves the cache with all that say the same, and the budget of errors learns of it. Only
keys that the answer could have been told to may say so, and only so often. May fail:
CallerError.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from penstock.cache.entry import Entry
from penstock.cache.semantic.store import Memory
from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply

MOST_BYTES = 4096
MOST_KEYS = 10_000
"""Whose tempo is remembered; the one that was silent longest is forgotten."""
_JSON: Headers = [(b"content-type", b"application/json")]
_KNOWN = {"request", "request_id", "entry", "entry_id", "wrong", "rating", "comment"}
_RATINGS = {"wrong": False, "right": True, "bad": False, "good": True}


class Feedback:
    """See the module. ``owns``: whether a key may be told an entry; ``per_minute`` is asked anew each time."""

    def __init__(
        self,
        memory: Memory,
        owns: Callable[[Exchange, Entry], bool],
        per_minute: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        self.memory = memory
        self._owns = owns
        self._per_minute = per_minute
        self._now = now
        self._tempo: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, exchange: Exchange) -> Reply:
        self._count(exchange.key)
        done = await self._take(exchange, _said(await exchange.body.read(MOST_BYTES)))
        return Reply(200, list(_JSON), msgspec.json.encode(done) + b"\n")

    async def take(self, exchange: Exchange, said: dict[str, Any]) -> dict[str, Any]:
        """The same, of what was read already."""
        self._count(exchange.key)
        return await self._take(exchange, said)

    async def _take(self, exchange: Exchange, said: dict[str, Any]) -> dict[str, Any]:
        entry = await self._entry(said)
        if entry is None or not self._owns(exchange, entry):
            # One answer for both: nobody learns which entries of others there are.
            raise CallerError(
                "no answer from the cache is known under that id (it may have gone since)",
                status=404, code="entry_not_found",
            )  # fmt: skip
        right = _right(said)
        removed = self.memory.told(entry, right)
        self.memory.tally.feedback["right" if right else "wrong"] += 1
        return {"entry": entry.name, "rating": "right" if right else "wrong", "removed": removed}

    async def _entry(self, said: dict[str, Any]) -> Entry | None:
        id = said.get("entry", said.get("entry_id"))
        if isinstance(id, str):
            try:
                return self.memory.entry(bytes.fromhex(id))
            except ValueError:
                return None
        request = said.get("request", said.get("request_id"))
        if not isinstance(request, str) or not 0 < len(request) <= 256:
            raise CallerError("say which answer: request (its x-request-id) or entry (its x-penstock-cache-entry)",
                              code="bad_feedback", param="request")  # fmt: skip
        return await self.memory.given_to(request)

    def _count(self, key: str) -> None:
        most = self._per_minute()
        now = self._now()
        left, since = self._tempo.pop(key, (float(most), now))
        left = min(float(most), left + (now - since) * most / 60)
        if len(self._tempo) >= MOST_KEYS:
            self._tempo.popitem(last=False)
        self._tempo[key] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            self.memory.tally.feedback["refused"] += 1
            raise CallerError(
                f"feedback is taken {most} times a minute from one key", status=429, code="too_much_feedback",
                retry_after=60 / most if most else None,
            )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Feedback, {len(self._tempo)} keys>"


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise CallerError("feedback is a JSON object", code="bad_feedback")
    unknown = sorted(str(name) for name in said.keys() - _KNOWN)
    if unknown:
        raise CallerError(f"unknown field {unknown[0][:64]!r} in the feedback", code="bad_feedback")
    return said


def _right(said: dict[str, Any]) -> bool:
    wrong, rating = said.get("wrong"), said.get("rating")
    if isinstance(wrong, bool) and rating is None:
        return not wrong
    if wrong is None and isinstance(rating, str) and rating in _RATINGS:
        return _RATINGS[rating]
    raise CallerError('say "wrong": true, or "rating": "wrong" or "right"', code="bad_feedback", param="wrong")

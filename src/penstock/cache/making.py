"""Makes an entry of an answer that has ended, if it may be kept. Pure.

Enters: the exchange, its question, what its head and its model's terms say, the recording. Leaves: the entry and the
answer, or the reason why there is none. May fail: not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from penstock.cache.config import CacheConfig
from penstock.cache.directory import Directory
from penstock.cache.entry import Answer, Entry
from penstock.cache.policy import Plan, Terms
from penstock.cache.recording import Recorder, choices_of, content_of, refused, tokens_of
from penstock.cache.replay import whole_body
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.units import MICRO
from penstock.wire.asked import Asked

MOST_HASHED = 10_000
"""Keys whose hashes are remembered."""


class Keeping(Protocol):
    """What is known of the deployment."""

    secret: bytes
    directory: Directory
    wall: Callable[[], float]


class Maker:
    """See the module. ``prices``: dollars for a token in and out, by the name of an upstream."""

    def __init__(self, shelf: Keeping, config: CacheConfig, prices: Callable[[str], tuple[float, float]]) -> None:
        self._shelf = shelf
        self._config = config
        self._prices = prices
        self._hashed: dict[tuple[bytes, str], bytes] = {}

    def hashed(self, text: str) -> bytes:
        """A keyed hash that tells equal texts and nothing more; b"" for ""."""
        if not text:
            return b""
        key = (self._shelf.secret, text)
        found = self._hashed.get(key)
        if found is None:
            if len(self._hashed) >= MOST_HASHED:
                self._hashed.clear()
            found = self._hashed[key] = hashlib.sha256(b"%b\0who\0%b" % (key[0], text.encode())).digest()[:8]
        return found

    def made(
        self,
        exchange: Exchange,
        asked: Asked,
        plan: Plan,
        terms: Terms,
        at: float,
        recorder: Recorder,
        content_type: bytes,
    ) -> tuple[Entry, Answer] | str:
        """See the module. ``at``: the moment at which it was asked."""
        reason = refused(exchange, terms.pattern)
        if reason:
            return reason
        operation = exchange.call.operation.name
        kept = recorder.result(operation, content_type, choices_of(operation, asked.fields))
        if isinstance(kept, str):
            return kept
        answer = kept.answer
        tokens_in, tokens_out = tokens_of(exchange, answer)
        price_in, price_out = self._prices(exchange.upstream)
        wall = self._shelf.wall()
        entry = Entry(
            id=asked.digest,
            operation=operation,
            model=terms.pattern,
            upstream=exchange.upstream,
            named=kept.named[:200],
            scope=self.hashed(exchange.key if self._config.scope == "key" else "all"),
            by=self.hashed(exchange.key),
            asked=at,
            created=wall,
            expires=wall + min(terms.ttl, plan.ttl),
            size=answer.size,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=_whole(exchange) or round((tokens_in * price_in + tokens_out * price_out) * MICRO),
            seconds=max(0.0, exchange.ended - exchange.started),
            classification=plan.classification,
            tags=plan.tags,
            session=self.hashed(exchange.call.session),
            called="" if exchange.call.model == terms.pattern else exchange.call.model[:200],
        )
        if not self._config.confirm:
            return entry, answer
        return self._confirmed(entry, answer)

    def _confirmed(self, entry: Entry, answer: Answer) -> tuple[Entry, Answer] | str:
        """In quarantine until somebody else is given the same answer."""
        try:
            entry.content = content_of(whole_body(entry.operation, answer, entry))
        except Fail:
            return "not_whole"
        known = self._shelf.directory.entries.get(entry.id)
        entry.confirmed = False
        if known is not None and known.content == entry.content:
            entry.confirmed = known.confirmed or known.by != entry.by
        elif known is not None and known.confirmed:
            return "unconfirmed"  # one answer that differs does not undo what two agreed on
        return entry, answer


def _whole(exchange: Exchange) -> int:
    """What the answer cost all who shared it, where calls are priced."""
    return exchange.cost + (exchange.money or {}).get("coalescing", 0)

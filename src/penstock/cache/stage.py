"""The cache room: answers what was answered before, and keeps what passes it the other way.

Enters: a peeked call. Leaves: the kept answer, as a stream or whole, as this caller wants it; else the reply of the
rooms below, which is kept once it has ended well. Fails with CallerError for a field of ours that says nothing known,
and with 504 ``not_cached`` where only a kept answer was wanted. Nothing else that goes wrong here is more than a miss.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from penstock.cache.config import CacheConfig
from penstock.cache.entry import Answer, Entry
from penstock.cache.making import Maker
from penstock.cache.policy import CACHED, Bind, Plan, Policy, Terms
from penstock.cache.recall import Hit, fields_of
from penstock.cache.recording import Recorder, content_type_of
from penstock.cache.replay import Paced, stream_at_once, stream_frames
from penstock.cache.similar import Found, Looked, Semantic
from penstock.cache.store import Shelf
from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.core.money import spare
from penstock.core.ports import Next
from penstock.core.reply import Reply, Source
from penstock.wire.asked import Asked, asked_under, prefix

log = logging.getLogger("penstock")

SIMILARITY_FIELD: Final = b"x-penstock-similarity"
SCORE_FIELD: Final = b"x-penstock-cache-score"
MOST_PREFIXES: Final = 16
"""Remembered with a head: one a model that its caller asks for."""
_EVENTS: Final = [(b"content-type", b"text/event-stream; charset=utf-8")]


class Cache:
    """See the module. ``prices``: dollars for a token in and out, by the name of an upstream."""

    needs: ClassVar[frozenset[str]] = frozenset({"caller", "peek", "body"})
    gives: ClassVar[frozenset[str]] = frozenset({"asked"})

    def __init__(
        self,
        shelf: Shelf,
        config: CacheConfig,
        bind: Bind,
        prices: Callable[[str], tuple[float, float]],
        now: Callable[[], float],
        semantic: Semantic | None = None,
    ) -> None:
        self._shelf = shelf
        self._config = config
        self._policy = Policy(config, bind)
        self._maker = Maker(shelf, config, prices)
        self._now = now
        self._semantic = semantic
        self._writers = frozenset(config.writers)
        self._wide = config.scope == "all"

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        if call.operation.name not in CACHED:
            if (call.header(b"x-penstock-cache") or b"").strip().lower() == b"only":
                raise self._absent("such calls are not cached here")
            return next(exchange)
        plan: Plan | None = call.memo.get(self)
        if plan is None:
            plan = call.memo[self] = self._policy.plan(call)
        terms = self._policy.terms(call.model)
        if terms is None:
            return next(exchange)
        takes = terms.takes(call)
        if (not takes and self._semantic is None) or not plan.allowed or plan.mode == "bypass" or not self._shelf.ready:
            return self._pass(exchange, next, plan)
        if takes and call.remembered is not None and plan.mode != "refresh":
            known = self._recall(exchange, plan, terms)
            if known is not None:
                return known
        return self._look(exchange, next, plan, terms, takes)

    def _recall(self, exchange: Exchange, plan: Plan, terms: Terms) -> Reply | None:
        """The answer to a call that was answered from memory before, and asks in the same bytes."""
        shelf, call = self._shelf, exchange.call
        prefix = plan.prefixes.get((shelf.secret, exchange.key, terms.bound)) or self._prefix(exchange, plan, terms)
        hit: Hit | None = call.remembered.hits.get(prefix)
        if hit is None or hit.terms is not terms or self._config.confirm:
            return None
        began = self._now()
        wall = shelf.wall()
        entry = shelf.directory.find(hit.asked.digest, wall)
        answer = None if entry is None else shelf.held(entry)
        if entry is None or answer is None or call.stream or answer.streamed:
            return None
        if not self._wide:
            exchange.asked = hit.asked
        exchange.model = terms.pattern
        exchange.cache = "hit-exact"
        spare(exchange, "cache", entry.cost)
        shelf.used(entry, wall, pressing=True)
        shelf.counts.hit("exact", (entry.tokens_in, entry.tokens_out), entry.cost, entry.seconds)
        shelf.counts.exact.note(self._now() - began)
        return hit.reply(entry, answer, wall)

    def _pass(self, exchange: Exchange, next: Next, plan: Plan) -> Awaitable[Reply]:
        """A call that the cache has nothing to do with."""
        if plan.mode == "only":
            raise self._absent("such calls are not cached here")
        if self._shelf.ready:
            exchange.cache = "bypass"
            self._shelf.counts.bypassed += 1
        else:
            exchange.cache = "miss"  # so shortly after a start: it may be a call to be cached
            self._shelf.counts.operations["exact", "miss"] += 1
        return next(exchange)

    async def _look(self, exchange: Exchange, next: Next, plan: Plan, terms: Terms, takes: bool) -> Reply:
        shelf = self._shelf
        began = self._now()
        question = exchange.asked
        if question is None:
            question = self._ask(exchange, plan, terms)
            if not self._wide:  # else rooms below would take equal calls of two keys for one
                exchange.asked = question
        if not isinstance(question, Asked):
            return await self._pass(exchange, next, plan)
        exact = takes and terms.takes_asked(question)
        at = shelf.wall()
        if exact and plan.mode != "refresh":
            entry = shelf.find(question.digest, exchange.stale)
            reply = None if entry is None else await self._hit(exchange, entry, terms, None)
            shelf.counts.lookups["exact"].note(self._now() - began)
            if reply is not None:
                return reply
            shelf.counts.operations["exact", "miss"] += 1
        similar = None if self._semantic is None else self._similar(exchange, question, plan, terms)
        if not exact and similar is None:
            return await self._pass(exchange, next, plan)
        looked = Looked(plan, terms, question, next, at, similar)
        if similar is not None and plan.mode != "refresh":
            reply = await self._look_around(exchange, looked)
            if reply is not None:
                return reply
        if plan.mode == "only":
            raise self._absent("no answer to this call is kept")
        exchange.cache = "miss"
        return await self._record(exchange, looked)

    def _ask(self, exchange: Exchange, plan: Plan, terms: Terms) -> Asked | bool:
        return asked_under(exchange.call, self._prefix(exchange, plan, terms)) or False

    def _prefix(self, exchange: Exchange, plan: Plan, terms: Terms) -> bytes:
        """All of a question but its body."""
        known = plan.prefixes.get(key := (self._shelf.secret, exchange.key, terms.bound))
        if known is None:
            scope = "all" if self._wide else f"key {exchange.key}"
            bound = b"%d %b%b" % (len(plan.bound), plan.bound, terms.bound)
            if len(plan.prefixes) >= MOST_PREFIXES:
                plan.prefixes.clear()
            known = plan.prefixes[key] = prefix(key[0], exchange.call.operation.name, scope, bound)
        return known

    def _similar(self, exchange: Exchange, question: Asked, plan: Plan, terms: Terms) -> object | None:
        assert self._semantic is not None
        try:
            return self._semantic.question(exchange, question, self._prefix(exchange, plan, terms), terms.pattern)
        except Exception:
            log.exception("the semantic cache failed on %s", exchange.id, extra={"request": exchange.id})
            return None

    def _absent(self, why: str) -> CallerError:
        self._shelf.counts.operations["exact", "absent"] += 1
        return CallerError(
            f"the answer was to come from the cache only (x-penstock-cache: only), and {why}",
            status=504, code="not_cached", param="x-penstock-cache",
        )  # fmt: skip

    # ---- hits

    async def _hit(self, exchange: Exchange, entry: Entry, terms: Terms, found: Found | None) -> Reply | None:
        """The kept answer as a reply; None where it may not be told, or cannot be."""
        if self._config.confirm and not entry.confirmed and entry.by != self._maker.hashed(exchange.key):
            return None
        shelf = self._shelf
        answer = shelf.held(entry) or await shelf.fetch(entry)
        if answer is None:
            return None
        call = exchange.call
        try:
            answer = shelf.form(entry, answer, streamed=call.stream)
            if call.stream:
                told = stream_at_once if self._config.replay == "at_once" else self._paced
                body = told(entry.operation, answer, entry, call.usage_wanted)
                reply = Reply(200, [*_EVENTS], body, events=True)
            else:
                reply = Reply(200, [(b"content-type", answer.content_type)], answer.data)
        except (Fail, ValueError):
            log.warning("the cached answer %s cannot be told: it is dropped", entry.name, exc_info=True)
            shelf.directory.drop(entry, "damaged")
            return None
        self._tell(exchange, reply, entry, terms, found)
        return reply

    def _paced(self, operation: str, answer: Answer, entry: Entry, usage_wanted: bool) -> Source:
        pace = self._config.pace if self._config.replay == "paced" else None
        return Paced(stream_frames(operation, answer, entry, usage_wanted), asyncio.get_running_loop().call_later, pace)

    def _tell(self, exchange: Exchange, reply: Reply, entry: Entry, terms: Terms, found: Found | None) -> None:
        """Say that it was a hit, in its head, in the exchange and in the counts."""
        shelf = self._shelf
        reply.headers += fields_of(entry, int(shelf.wall() - entry.created))
        exchange.model = terms.pattern
        kind = "exact"
        if found is not None:
            kind = "semantic"
            reply.headers += ((SIMILARITY_FIELD, b"%.4f" % found.similarity), (SCORE_FIELD, b"%.4f" % found.confidence))
        elif not self._config.confirm:
            prefix = self._prefix(exchange, exchange.call.memo[self], terms)
            shelf.recall.note(exchange.call, prefix, terms, entry.id)
        if entry.expires <= shelf.wall():
            exchange.note_degraded("cache_stale")
        exchange.cache = f"hit-{kind}"
        spare(exchange, "cache", entry.cost)
        shelf.used(entry)
        shelf.counts.hit(kind, (entry.tokens_in, entry.tokens_out), entry.cost, entry.seconds)

    async def _look_around(self, exchange: Exchange, looked: Looked) -> Reply | None:
        """Ask for the answer to a similar question."""
        assert self._semantic is not None
        counts = self._shelf.counts
        began = self._now()
        try:
            found = await self._semantic.find(exchange, looked.next, looked.similar)
        except Exception:
            log.exception("the semantic cache failed on %s", exchange.id, extra={"request": exchange.id})
            found = None
        reply = None
        if found is not None and found.inline:
            looked.found = found
        elif found is not None:
            try:
                reply = await self._hit(exchange, found.entry, looked.terms, found)
            finally:
                if found.shadow:
                    self._semantic.check(exchange, looked.next, looked.similar, found, told=reply is not None)
        if reply is None:
            counts.operations["semantic", "miss" if looked.found is None else "shadow"] += 1
        counts.lookups["semantic"].note(self._now() - began)
        return reply

    # ---- misses

    async def _record(self, exchange: Exchange, looked: Looked) -> Reply:
        """The reply of the rooms below; it is kept when it has ended well."""
        reply = await looked.next(exchange)
        if exchange.cache == "coalesced":  # whoever began the flight keeps it
            return reply
        content_type = content_type_of(reply)
        if reply.status != 200 or not content_type or (self._writers and exchange.key not in self._writers):
            return reply
        recorder = Recorder(self._shelf.account, self._config.max_answer, self._now, events=reply.events)
        if isinstance(reply.body, bytes):
            recorder.tap(reply.body)
        else:
            reply.taps.append(recorder.tap)

        def ended(exchange: Exchange) -> None:
            try:
                self._keep(exchange, looked, recorder, content_type)
            finally:
                recorder.close()

        exchange.defer(ended)
        return reply

    def _keep(self, exchange: Exchange, looked: Looked, recorder: Recorder, content_type: bytes) -> None:
        """The answer has ended."""
        shelf = self._shelf
        known = shelf.directory.entries.get(looked.asked.digest)
        if known is not None and known.created > looked.at and known.confirmed:
            shelf.counts.stores["raced"] += 1  # an equal call was answered meanwhile
            return
        made = self._maker.made(exchange, looked.asked, looked.plan, looked.terms, looked.at, recorder, content_type)
        if isinstance(made, str):
            shelf.counts.stores[made] += 1
            return
        entry, answer = made
        semantic, similar = self._semantic, looked.similar
        if semantic is None or similar is None:
            shelf.keep(entry, answer)
            return
        semantic.stored(exchange, looked.next, similar, entry, answer, looked.found)
        if not shelf.keep(entry, answer):
            semantic.unkept(entry)

    def __repr__(self) -> str:
        return f"<Cache {self._shelf!r}>"

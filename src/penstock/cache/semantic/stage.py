"""Matching: the part of the cache room that answers a question by the answer to another one that asks the same.

Enters: calls after an exact miss. Leaves: an entry whose answer fits, as far as the verifier lets it; else None, and
what the upstream answers is learned from. Whatever fails here (an embedder that hangs or gives nonsense, an index,
a verifier that raises) is a miss, counted; repeated, it is said once, and calls go on without for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.cache.entry import Answer, Entry
from penstock.cache.replay import whole_body
from penstock.cache.semantic.answers import answer_text
from penstock.cache.semantic.breaker import Breaker
from penstock.cache.semantic.comparing import Comparing, Payer
from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.eligibility import Eligibility
from penstock.cache.semantic.partition import partition
from penstock.cache.semantic.question import Question
from penstock.cache.semantic.shadow import Shadows
from penstock.cache.semantic.store import Memory
from penstock.cache.similar import Found
from penstock.cache.verify.lexical import prepare
from penstock.cache.verify.verdict import Near, Verdict
from penstock.cache.verify.verifier import Verifier
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.wire.asked import Asked

log = logging.getLogger("penstock")

CONFIDENCE = 0.2
"""How much of an entry's confidence is that of its newest hit."""
Spawn = Callable[[Coroutine[Any, Any, None], str], object]


class Matching:
    """One configuration over what the worker keeps (``memory``). ``uniform`` draws which hits are checked."""

    def __init__(
        self,
        memory: Memory,
        config: SemanticConfig,
        eligibility: Eligibility,
        comparing: Comparing,
        shadows: Shadows,
        spawn: Spawn,
        now: Callable[[], float],
        uniform: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._config = config
        self._eligibility = eligibility
        self._comparing = comparing
        self._shadows = shadows
        self._spawn = spawn
        self._now = now
        self._uniform = uniform
        self._tally = memory.tally
        self._breaker: Breaker = memory.breaker

    # ---- on the path of a call

    def question(self, exchange: Exchange, asked: Asked, known: bytes, pattern: str) -> Question | None:
        """See the port."""
        memory = self._memory
        operation = exchange.call.operation.name
        if not memory.ready:
            prompt: Any = "starting"
        elif not self._breaker.allows(self._now()):
            prompt = "ill"
        else:
            prompt = self._eligibility.prompt(operation, asked, pattern)
        if isinstance(prompt, str):
            self._tally.lookups["ineligible", prompt] += 1
            return None
        version = memory.embedder.version
        place = partition(known, version, prompt.rest)
        return Question(prompt.text, operation, place, pattern, version)

    async def find(self, exchange: Exchange, next: Next, question: object) -> Found | None:
        """See the port."""
        assert isinstance(question, Question)
        self._memory.rooms.below = next
        try:
            if self._memory.is_unread(question.partition):
                return self._missed("loading")
            async with asyncio.timeout(self._config.patience):
                question.vector = await self._memory.vector(question.text)
        except TimeoutError:
            self._failed("the embedder is late")
            return self._missed("late")
        except Exception as error:
            self._failed(f"the embedder failed: {error!r}")
            return self._missed("failed")
        if question.vector is None:
            return self._missed("vectorless")
        try:
            found = self._decide(exchange, question)
        except Exception as error:
            self._memory.let_go(question.partition)  # its index may be damaged: it is read anew
            self._failed(f"deciding failed: {error!r}")
            return self._missed("failed")
        self._breaker.well()
        return found

    def _decide(self, exchange: Exchange, question: Question) -> Found | None:
        memory = self._memory
        question.prepared = prepare(question.text)
        verifier = memory.verifier(question.model, question.version)
        near, cosines = self._near(question, verifier)
        verdict = question.verdict = verifier.decide(question.prepared, near, question.partition, self._uniform())
        entry = None if verdict.key is None or verdict.kind == "miss" else memory.entry(verdict.key)
        if entry is None:
            return self._missed(verdict.reason if verdict.kind == "miss" else "gone")
        shadow = verdict.kind == "shadow"
        inline = shadow and not self._shadows.reserve(exchange)
        self._tally.lookups[verdict.kind, verdict.reason] += 1
        if not inline:
            self._tally.told(verdict.probability)
            entry.confidence += CONFIDENCE * (verdict.probability - entry.confidence)
            memory.given(exchange.id, entry)
        return Found(entry, cosines[entry.id], verdict.probability, shadow, inline)

    def _near(self, question: Question, verifier: Verifier) -> tuple[list[Near], dict[bytes, float]]:
        """The candidates that may be told at all, and their cosines."""
        memory = self._memory
        assert question.vector is not None
        near, cosines = [], {}
        wall = memory.shelf.wall()
        for held, cosine in memory.space.search(question.partition, question.vector, self._config.candidates):
            entry = memory.shelf.directory.find(held.id, wall)
            if entry is None or entry.partition != question.partition:
                memory.space.unlearn(held.id)
                continue
            if not held.placed:
                memory.place(held, entry, verifier)
            cosines[held.id] = cosine
            near.append(Near(held.id, cosine, wall - entry.created, entry.expires - entry.created, entry.accesses))
        return near, cosines

    def _missed(self, reason: str) -> Found | None:
        self._tally.lookups["miss", reason] += 1
        return None

    def _failed(self, why: str) -> None:
        if self._breaker.failed(why, self._now()):
            log.warning("the semantic cache rests for a while (%s): calls go on with the exact cache alone", why)

    # ---- shadow checks

    def check(self, exchange: Exchange, next: Next, question: object, found: Found, *, told: bool) -> None:
        """See the port."""
        assert isinstance(question, Question)
        if not told:
            self._shadows.release(len(exchange.call.body))
            return
        self._spawn(self._check(exchange.fork("check"), next, question, found), "shadow check")

    async def _check(self, exchange: Exchange, next: Next, question: Question, found: Found) -> None:
        try:
            answer = self._memory.shelf.held(found.entry) or await self._memory.shelf.fetch(found.entry)
        except BaseException:
            self._shadows.release(len(exchange.call.body))
            exchange.finish("error", self._now())
            raise
        text = None if answer is None else self._text(found.entry, answer)
        equal = await self._shadows.check(exchange, next, question, text)
        self._learn(question, equal)

    def _learn(self, question: Question, equal: bool | None) -> None:
        assert question.verdict is not None
        self._memory.checked(question.model, question.version, question.verdict, equal)

    # ---- new answers

    def stored(
        self, exchange: Exchange, next: Next, question: object, entry: Entry, answer: Answer, found: Found | None
    ) -> None:
        """See the port."""
        assert isinstance(question, Question)
        try:
            self._stored(exchange, next, question, entry, answer, found)
        except Exception as error:
            entry.partition = entry.group = b""
            self._failed(f"keeping failed: {error!r}")

    def _stored(
        self, exchange: Exchange, next: Next, question: Question, entry: Entry, answer: Answer, found: Found | None
    ) -> None:
        text = self._text(entry, answer)
        if text is None:
            return  # not a text, or too long: told again to equal calls only
        entry.partition, entry.group = question.partition, entry.id
        verdict = question.verdict
        if question.vector is None or question.prepared is None or verdict is None:
            self._later(entry, self._embed(question, entry))
            return
        rivals = [found.entry.id] if found is not None else _rivals(verdict)
        judged: dict[Any, bool | None] = {}
        for id in rivals:
            other = self._memory.entry(id)
            held = None if other is None else self._memory.shelf.held(other)
            if other is None or held is None:
                continue
            judged[id] = self._comparing.texts(self._text(other, held), text)
        unclear = [id for id in rivals if judged.get(id) is None]
        if unclear and (self._comparing.judge is not None or any(id not in judged for id in unclear)):
            payer = Payer(exchange.fork("compare"), next)
            self._later(entry, self._settle(payer, question, entry, text, judged, unclear, found))
            return
        self._place(question, entry, verdict, judged, found)

    def _later(self, entry: Entry, work: Coroutine[Any, Any, None]) -> None:
        self._memory.coming.add(entry.id)
        self._spawn(self._then(entry, work), "keep question")

    async def _then(self, entry: Entry, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # lookups fail of it as well, and say so
            log.debug("a question is not kept: %r", error)
        finally:
            self._memory.coming.discard(entry.id)

    async def _embed(self, question: Question, entry: Entry) -> None:
        """A question that was not looked for, or whose vector came too late."""
        question.vector = await self._memory.vector(question.text)
        if question.vector is not None and self._memory.is_here(entry):
            self._memory.hold(question, entry)

    async def _settle(
        self, payer: Payer, question: Question, entry: Entry, text: str, judged: dict[Any, bool | None],
        unclear: list[Any], found: Found | None,
    ) -> None:  # fmt: skip
        """Compare with answers that had to be read first, or about which the judge is asked."""
        try:
            for id in unclear:
                other = self._memory.entry(id)
                if other is None:
                    continue
                held = self._memory.shelf.held(other) or await self._memory.shelf.fetch(other)
                said = None if held is None else self._text(other, held)
                judged[id] = await self._comparing.equal(payer, question.text, said, text, urgent=found is not None)
        finally:
            payer.exchange.finish("ok", self._now())
        assert question.verdict is not None
        if self._memory.is_here(entry):
            before = entry.group
            self._place(question, entry, question.verdict, judged, found)
            if entry.group != before:
                self._memory.shelf.regroup(entry)

    def _place(
        self, question: Question, entry: Entry, verdict: Verdict, judged: dict[Any, bool | None], found: Found | None
    ) -> None:
        """The new answer joins those that say the same."""
        verifier = self._memory.verifier(question.model, question.version)
        assert question.prepared is not None
        if found is not None:  # a shadow check in which nothing was told from the cache
            equal = judged.get(found.entry.id)
            self._learn(question, equal)
            group = found.entry.group if equal else None
            verifier.place(entry.id, question.prepared, question.partition, group)
            entry.group = group or entry.id
        else:
            group = verifier.stored(verdict, entry.id, question.prepared, judged)  # type: ignore[assignment]
            entry.group = group if isinstance(group, bytes) else entry.id
            if verdict.would_hit:
                self._memory.stops.look(question.model, verifier, question.partition)
        self._memory.hold(question, entry, placed=True)

    def unkept(self, entry: Entry) -> None:
        """See the port."""
        self._memory.forget(entry.id)

    def _text(self, entry: Entry, answer: Answer) -> str | None:
        """What an answer says, if it is one text of bounded length."""
        if answer.size > self._config.max_answer:
            return None
        try:
            return answer_text(entry.operation, whole_body(entry.operation, answer, entry))
        except (Fail, ValueError):
            return None

    def __repr__(self) -> str:
        return f"<Matching over {self._memory!r}>"


def _rivals(verdict: Verdict) -> list[Any]:
    """Answers that are worth comparing with the new one."""
    rivals = list(verdict.judge)
    if verdict.would_hit and verdict.key is not None and verdict.key not in rivals:
        rivals.append(verdict.key)
    return rivals

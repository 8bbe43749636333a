"""The composition root's part for the semantic cache: embedder, verifiers, questions, and what joins them to the room.

Enters: a configuration in which it is enabled. Leaves: a Matching for the cache room. What its worker has learned and
read survives reloads that leave those settings as they were. Fails with ConfigError that names the missing extra or
weights, and the command that brings them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import platform
import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.assemble_observation import noting
from penstock.config import Config, ConfigError
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import LocalRoute
from penstock.wire.operations import ROUTES

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.cache.embedding.embedder import Embedder, Model
    from penstock.cache.embedding.embedder import Tally as EmbedderTally
    from penstock.cache.entry import Entry
    from penstock.cache.semantic.asking import Below, Rooms
    from penstock.cache.semantic.comparing import Comparing
    from penstock.cache.semantic.config import RulesConfig, SemanticConfig
    from penstock.cache.semantic.feedback import Feedback
    from penstock.cache.semantic.stage import Matching
    from penstock.cache.semantic.store import Memory
    from penstock.cache.store import Shelf
    from penstock.cache.verify.verifier import Verifier

STATUS_PATH = "/admin/v1/cache/semantic"
FEEDBACK_PATH = "/v1/feedback"
_OF_MEMORY = (
    "embedder", "dimensions", "window", "max_error", "max_wrong_hits", "alpha", "weights",
    "shadow", "memory", "entries", "partitions",
)  # fmt: skip
"""Settings with which what was learned and read begins anew."""
EMBEDDING_SECONDS = 10.0
MOST_EMBEDDING_BYTES = 4 * 1024 * 1024


class Semantics:
    """The semantic cache of one worker."""

    def __init__(self, gateway: Gateway, shelf: Shelf) -> None:
        from penstock.cache.making import Maker

        self._gateway = gateway
        self._shelf = shelf
        self._hashed = Maker(shelf, shelf.config, lambda upstream: (0.0, 0.0)).hashed
        self._feedback: Feedback | None = None
        self._memories: dict[tuple[Any, ...], Memory] = {}
        self._config: SemanticConfig | None = None
        self._numbers = itertools.count(1)
        self._loaded: tuple[str, Model] | None = None

    @property
    def memory(self) -> Memory | None:
        """What is kept for the configuration in force."""
        return None if self._config is None else self._memories.get(_key(self._config))

    async def load(self, config: Config) -> None:
        """Before ``matching``, while calls are served: the weights that it will want, on another thread. What fails is
        said there."""
        from penstock.cache.config import CacheConfig

        section = config.of(CacheConfig).semantic
        if not section.enabled or _key(section) in self._memories:
            return
        with contextlib.suppress(Exception):
            from penstock.assemble_embedder import IN_PROCESS, model_of

            if section.embedder in IN_PROCESS:
                self._loaded = section.embedder, await asyncio.to_thread(model_of, section.embedder)

    def matching(self, config: Config) -> Matching | None:
        """For the cache room; None while it is off. Raises ConfigError."""
        from penstock.cache.config import CacheConfig

        section = config.of(CacheConfig).semantic
        if not section.enabled:
            return None
        from penstock.cache.semantic.eligibility import Eligibility
        from penstock.cache.semantic.shadow import Shadows
        from penstock.cache.semantic.stage import Matching

        try:
            memory = self._memory(section, config.source)
            self._loaded = None
        except ImportError as error:
            missing = f'cache.semantic needs {error.name}, which is not installed: pip install "penstock[semantic]"'
            raise ConfigError([f"{config.source}: {missing}"]) from None
        gateway = self._gateway
        now = gateway.clock.now
        below = self._below()
        comparing = _comparing(memory, section, below, now)
        shadows = Shadows(
            below, comparing, gateway.ledger.account("cache", config.of(CacheConfig).memory), memory.tally, now,
            asyncio.sleep, checks=section.checks, most=section.max_answer,
        )  # fmt: skip
        eligibility = Eligibility(section, unfit(section.rules), memory.embedder.fits)
        return Matching(memory, section, eligibility, comparing, shadows, gateway.crew.spawn, now, random.random)

    def _below(self) -> Below:
        from penstock.cache.semantic.asking import Below

        return Below(self._gateway.clock.now, asyncio.timeout, noting(self._gateway))

    def _memory(self, section: SemanticConfig, source: str) -> Memory:
        key = _key(section)
        found = self._memories.get(key)
        if found is None:
            found = self._memories[key] = self._made(section, source)
        return found

    def _made(self, section: SemanticConfig, source: str) -> Memory:
        from penstock.cache.embedding.vectors import pack
        from penstock.cache.index.index import Index
        from penstock.cache.semantic.learning import Learners
        from penstock.cache.semantic.service import Upkeep
        from penstock.cache.semantic.space import Space
        from penstock.cache.semantic.store import Memory

        gateway = self._gateway
        account = gateway.ledger.account("semantic", section.memory)
        from penstock.cache.semantic.asking import Rooms

        rooms = Rooms()
        memory = Memory(
            self._shelf,
            self._embedder(section, source, rooms),
            Learners(partial(verifier_of, section), f"{platform.node()}/{gateway.number}"),
            lambda gone: Space(account, Index, gone, entries=section.entries, partitions=section.partitions),
            pack,
            lambda: self._shelf.config.encryption_key,
            rooms,
        )
        gateway.crew.supervise(Upkeep(memory, gateway.clock.now))
        return memory

    def _embedder(self, section: SemanticConfig, source: str, rooms: Rooms) -> Embedder:
        """Raises ConfigError."""
        from penstock.cache.semantic.config import UPSTREAM

        try:
            from penstock.assemble_embedder import embedder, served_embedder
            from penstock.cache.embedding.store import WeightsError

            if not section.embedder.startswith(UPSTREAM):
                name, loaded = self._loaded or ("", None)
                return embedder(section.embedder, model=loaded if name == section.embedder else None)
            from penstock.cache.embedding.embedder import Served

            model = section.embedder.removeprefix(UPSTREAM)
            version = f"{model}@{section.dimensions}"
            kind = Served(section.embedder, version, section.dimensions or 0, section.window)
            return served_embedder(partial(self._ask_vectors, model, rooms), self._gateway.crew, kind)
        except WeightsError as error:
            raise ConfigError([f"{source}: cache.semantic.embedder: {error}"]) from None

    async def _ask_vectors(self, model: str, rooms: Rooms, texts: list[str]) -> Sequence[Sequence[float]]:
        """An upstream's embeddings. Raises OSError where it gives none."""
        from penstock.cache.semantic.vectors import embedding_call, vectors_of

        if rooms.below is None:
            raise OSError("no call has passed yet")
        now = self._gateway.clock.now()
        body: Any = None
        exchange = Exchange(f"embedding-{next(self._numbers)}", embedding_call(model, texts), now, now, body)
        answer = await self._below().ask(exchange, rooms.below, EMBEDDING_SECONDS, MOST_EMBEDDING_BYTES)
        return vectors_of(answer, len(texts))

    def follow(self, config: Config) -> None:
        """From now on as ``config`` says; what was kept for others is let go."""
        from penstock.cache.config import CacheConfig

        section = config.of(CacheConfig).semantic
        self._config = section if section.enabled else None
        mine = _key(section) if section.enabled else None
        for key in [key for key in self._memories if key != mine]:
            self._memories.pop(key).close()

    # ---- what is told

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {
            STATUS_PATH: LocalRoute(self.status),
            FEEDBACK_PATH: LocalRoute(self.feedback, "call", ("POST",)),
        }

    async def status(self, exchange: Exchange) -> Reply:
        """How the bound stands, in words."""
        return Reply(200, [(b"content-type", b"application/json")], msgspec.json.encode(self.told()) + b"\n")

    def told(self) -> dict[str, Any]:
        """The same as plain values."""
        from penstock.cache.semantic.told import status

        memory, config = self.memory, self._config
        if memory is None or config is None:
            return {"enabled": False, "worker": self._gateway.number}
        return {"enabled": True, **status(memory, config, self._gateway.number)}

    async def feedback(self, exchange: Exchange) -> Reply:
        """A caller says that an answer was wrong, or right."""
        return await self._hears()(exchange)

    async def correct(self, exchange: Exchange, said: dict[str, Any]) -> dict[str, Any] | None:
        """The same, of a body that was read already; None where the semantic cache is off."""
        return None if self.memory is None else await self._hears().take(exchange, said)

    def _hears(self) -> Feedback:
        from penstock.cache.semantic.feedback import Feedback

        memory = self.memory
        if memory is None:
            raise CallerError("the semantic cache is off", status=404, code="not_found")
        if self._feedback is None or self._feedback.memory is not memory:
            self._feedback = Feedback(memory, self._owns, self._feedback_per_minute, self._gateway.clock.now)
        return self._feedback

    def _owns(self, exchange: Exchange, entry: Entry) -> bool:
        """Whether the caller may be told that entry."""
        wide = self._shelf.config.scope == "all"
        return entry.scope == self._hashed("all" if wide else exchange.key)

    @property
    def embedded(self) -> EmbedderTally | None:
        """What the embedder at work has counted, if it does."""
        return None if self.memory is None else getattr(self.memory.embedder, "tally", None)

    def _feedback_per_minute(self) -> int:
        return 0 if self._config is None else self._config.feedback_per_minute

    def dump(self) -> dict[str, Any] | None:
        """This worker's numbers, for metrics."""
        from penstock.cache.semantic.told import numbers

        memory = self.memory
        return None if memory is None else numbers(memory)


def _comparing(memory: Memory, section: SemanticConfig, below: Below, now: Callable[[], float]) -> Comparing:
    from penstock.cache.semantic.comparing import Comparing
    from penstock.cache.semantic.judge import Judge
    from penstock.cache.verify.equal import compare

    judge = None
    if section.judge is not None:
        judge = Judge(section.judge, ROUTES["/v1/chat/completions"], below, memory.tally)
    return Comparing(compare, judge, memory.tally, now)


def unfit(rules: RulesConfig) -> Callable[[str], str]:
    """Why a text is never matched, by the rules that are on."""
    from penstock.cache.verify.ineligible import ACTIONS, FRESHNESS, Ineligible

    reason = Ineligible(FRESHNESS if rules.freshness else (), ACTIONS if rules.actions else (), rules.languages).reason
    words = sorted(map(str.lower, rules.words), key=len, reverse=True)
    if not words:
        return reason
    search = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)").search
    return lambda text: "word" if search(text.lower()) else reason(text)


def verifier_of(section: SemanticConfig) -> Verifier:
    """A verifier that knows nothing yet but the prior."""
    from penstock.cache.verify.scoring import Weights
    from penstock.cache.verify.spend import Budget
    from penstock.cache.verify.verifier import Rules, Verifier

    weights = section.weights
    rules = Rules(
        budget=Budget(section.max_error, section.max_wrong_hits),
        weights=Weights(weights.similarity, weights.freshness, weights.popularity),
        shadow=section.shadow,
        alpha=section.alpha,
        entries=section.entries,
        partitions=section.partitions,
    )
    return Verifier(rules)


def _key(section: SemanticConfig) -> tuple[Any, ...]:
    return tuple(getattr(section, name) for name in _OF_MEMORY)

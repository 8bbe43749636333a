"""A semantic cache for tests: a cheap embedder, a verifier that a test scripts, and the rooms below.

``Hashing`` makes vectors of words by hashing: texts that share words are near, and nothing has to be installed but
numpy. It can hang, raise, or give nonsense.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import numpy as np

from penstock.cache.embedding.vectors import pack
from penstock.cache.index.index import Index
from penstock.cache.semantic.asking import Below, Rooms
from penstock.cache.semantic.comparing import Comparing
from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.eligibility import Eligibility
from penstock.cache.semantic.judge import Judge
from penstock.cache.semantic.learning import Learners
from penstock.cache.semantic.service import Upkeep
from penstock.cache.semantic.shadow import Shadows
from penstock.cache.semantic.space import Space
from penstock.cache.semantic.stage import Matching
from penstock.cache.semantic.store import Memory
from penstock.cache.store import Shelf
from penstock.cache.verify.lexical import Prepared
from penstock.cache.verify.verdict import Id, Near, Status, Verdict
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.wire.operations import ROUTES
from tests.support.cache_room import Rig
from tests.support.caching import JSON, answer, exchange, served, shelf

DIMENSIONS = 64


def hashed(text: str, dimensions: int = DIMENSIONS) -> Any:
    """The text's vector."""
    vector = np.zeros(dimensions, np.float32)
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % dimensions] += 1.0
    length = np.linalg.norm(vector)
    return vector / length if length else None


class Hashing:
    """See the module."""

    name = "hashing"
    window = 100

    def __init__(self, version: str = "hashing-1", dimensions: int = DIMENSIONS) -> None:
        self.version = version
        self.dimensions = dimensions
        self.does: Callable[[str], Any] | None = None
        self.hang: asyncio.Event | None = None
        self.texts: list[str] = []
        self.closed = False

    def fits(self, text: str) -> bool:
        return 0 < len(text.split()) <= self.window

    async def embed(self, text: str) -> Any:
        self.texts.append(text)
        if self.hang is not None:
            await self.hang.wait()
        return self.does(text) if self.does is not None else hashed(text, self.dimensions)

    def close(self) -> None:
        self.closed = True


class Scripted:
    """A verifier that gives the nearest entry above ``floor``, as a hit, or as ``kind`` says."""

    def __init__(self) -> None:
        self.kind = "hit"
        self.floor = 0.7
        self.raises = False
        self.groups: dict[Id, Id] = {}
        self.near: list[Sequence[Near]] = []
        self.told_of: list[tuple[Any, ...]] = []
        self.drops: tuple[Id, ...] = ()
        self.requests = 0
        self.stopped = ""
        self.loaded: object = None

    def decide(self, asked: Prepared, near: Sequence[Near], partition: Id, uniform: float) -> Verdict:
        if self.raises:
            raise ZeroDivisionError("the verifier")
        self.requests += 1
        self.near.append(near)
        known = [one for one in near if one.key in self.groups]
        judge = tuple(one.key for one in known[:3])
        if not known or known[0].cosine < self.floor or self.stopped:
            return Verdict("miss", partition, reason="far" if known else "empty", judge=judge)
        kind: Any = self.kind
        return Verdict(kind, partition, known[0].key, 0.99, "verified", judge=judge)

    def stored(self, verdict: Verdict, key: Id, asked: Prepared, judged: Mapping[Id, bool | None]) -> Id:
        self.told_of.append(("stored", key, dict(judged)))
        same = [id for id, equal in judged.items() if equal]
        self.groups[key] = self.groups[same[0]] if same else key
        return self.groups[key]

    def checked(self, verdict: Verdict, equal: bool | None) -> tuple[Id, ...]:
        self.told_of.append(("checked", verdict.key, equal))
        return () if equal else self.drops or (verdict.key,)  # type: ignore[return-value]

    def told(self, key: Id, right: bool) -> tuple[Id, ...]:
        self.told_of.append(("told", key, right))
        return tuple(one for one, group in self.groups.items() if group == self.groups[key])

    def place(self, key: Id, asked: Prepared, partition: Id, group: Id | None = None) -> None:
        self.groups[key] = key if group is None else group

    def forget(self, key: Id) -> None:
        self.groups.pop(key, None)

    def status(self, partition: Id | None = None) -> Status:
        return Status(self.requests, 0, 0, 0, 0.0, 0.0, 1.0, 1.0, 1.0, self.stopped, int(bool(self.stopped)))

    def dump(self) -> dict[str, Any]:
        return {"requests": self.requests}

    def load(self, kept: object) -> bool:
        self.loaded = kept
        return isinstance(kept, dict)


def equal_texts(first: str, second: str) -> bool | None:
    """Equal, different in their first letters, or not to be told."""
    return True if first == second else None if first[:3] == second[:3] else False


class Tasks:
    """A crew that a test runs dry."""

    def __init__(self) -> None:
        self.all: list[Coroutine[Any, Any, None]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.all.append(work)

    async def run(self) -> None:
        while self.all:
            await self.all.pop(0)


class Room:
    """The cache room with a semantic cache, over an upstream that says what ``say`` gives for a text."""

    def __init__(self, on: Shelf | None = None, worker: str = "host/0", **fields: Any) -> None:
        self.config = SemanticConfig(enabled=True, **fields)
        self.shelf = on or shelf()
        self.embedder = Hashing()
        self.verifiers: list[Scripted] = []
        self.account = BoundedAccount("semantic", self.config.memory)
        self.clock = 1000.0
        self.tasks = Tasks()
        self.ended: list[Exchange] = []
        self.pauses: list[float] = []
        self.say: Callable[[str], str | None] = lambda text: f"answer to {text}"
        self.memory = Memory(
            self.shelf,
            self.embedder,
            Learners(self._verifier, worker),  # type: ignore[arg-type]
            lambda gone: Space(
                self.account, Index, gone, entries=self.config.entries, partitions=self.config.partitions
            ),
            pack,
            lambda: None,
            Rooms(),
        )
        self.below = Below(lambda: self.clock, asyncio.timeout, self.ended.append)
        judge = None
        if self.config.judge is not None:
            judge = Judge(self.config.judge, ROUTES["/v1/chat/completions"], self.below, self.memory.tally)
        self.comparing = Comparing(equal_texts, judge, self.memory.tally, lambda: self.clock)
        self.shadows = Shadows(
            self.below, self.comparing, BoundedAccount("cache", 10**6), self.memory.tally, lambda: self.clock,
            self._pause, checks=self.config.checks, most=self.config.max_answer,
        )  # fmt: skip
        self.matching = Matching(
            self.memory,
            self.config,
            Eligibility(self.config, lambda text: "freshness" if "today" in text else "", self.embedder.fits),
            self.comparing,
            self.shadows,
            self.tasks.spawn,
            lambda: self.clock,
            lambda: 0.5,
        )
        self.upkeep = Upkeep(self.memory, lambda: self.clock)
        self.rig = Rig(self.matching, self.shelf)
        self.rig.answer = self._answer
        if self.shelf.store is None:
            self.memory.read = True

    def _verifier(self) -> Scripted:
        self.verifiers.append(Scripted())
        return self.verifiers[-1]

    @property
    def verifier(self) -> Scripted:
        return self.memory.verifier("m", self.embedder.version)  # type: ignore[return-value]

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock += seconds

    def _answer(self, one: Exchange) -> Reply:
        served(one)
        said = self.say(str(_text(one)))
        if said is None:
            return Reply(500, [(b"content-type", JSON)], b"{}")
        return Reply(200, [(b"content-type", JSON)], answer(said).data)

    def ask(self, text: str, key: str = "key-1", headers: Any = (), **fields: Any) -> tuple[Exchange, Reply, str]:
        """One question through the room; then what it left to do."""
        messages = [*fields.pop("history", []), {"role": "user", "content": text}]
        one = exchange(key, headers=headers, messages=messages, **fields)
        reply, body = self.rig.ask(one)
        asyncio.run(self.tasks.run())
        return one, reply, _said(body)

    async def put(self, text: str, **fields: Any) -> tuple[Exchange, str]:
        """The same within a loop that runs already."""
        one = exchange("key-1", messages=[{"role": "user", "content": text}], **fields)
        reply = await self.rig.room(one, self.rig.next)
        assert isinstance(reply.body, bytes)
        one.status = reply.status
        one.finish("ok", 1001.0)
        await self.tasks.run()
        return one, _said(reply.body)


def _text(one: Exchange) -> Any:
    import json

    return json.loads(one.call.body)["messages"][-1]["content"]


def _said(body: bytes) -> str:
    import json

    return str(json.loads(body).get("choices", [{"message": {"content": ""}}])[0]["message"]["content"])

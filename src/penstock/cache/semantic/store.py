"""What one worker keeps for matching: embedder, questions, verifiers, counts; and what of it is in the store.

Enters: entries as the shelf tells of them, questions to keep. Leaves: records of the store, queued: each question's
text and vector (``cache_questions``, encrypted as answers are), what verifiers learned (``cache_learned``), which entry
a request was given (``cache_given``). What the store cannot give is not matched. May fail: not at all.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.cache.embedding.embedder import Embedder
from penstock.cache.entry import Entry
from penstock.cache.sealed import Seal
from penstock.cache.semantic.asking import Rooms
from penstock.cache.semantic.breaker import Breaker
from penstock.cache.semantic.learning import STATE_SECONDS, Learners, state_bytes, state_of
from penstock.cache.semantic.question import Question
from penstock.cache.semantic.record import Kept, kept_bytes, kept_of
from penstock.cache.semantic.space import Held, Space
from penstock.cache.semantic.stops import Stops
from penstock.cache.semantic.tally import Tally
from penstock.cache.store import Shelf
from penstock.cache.verify.lexical import prepare
from penstock.cache.verify.verdict import Id, Verdict
from penstock.cache.verify.verifier import Verifier
from penstock.cache.wide import Wide

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector

log = logging.getLogger("penstock")

QUESTIONS, LEARNED, GIVEN = "cache_questions", "cache_learned", "cache_given"
GIVEN_SECONDS = 3600.0
TRIES = 3
"""How often a question is looked for that somebody else has told of: its record may come a little later."""

Pack = Callable[[Any], bytes]
"""A vector in its kept form."""


class Memory:
    """See the module. ``make_space`` makes the space of questions, told of those that go."""

    def __init__(
        self,
        shelf: Shelf,
        embedder: Embedder,
        learners: Learners,
        make_space: Callable[[Callable[[bytes, bytes], None]], Space],
        pack: Pack,
        passphrase: Callable[[], str | None],
        rooms: Rooms,
    ) -> None:
        self.shelf = shelf
        self.embedder = embedder
        self.learners = learners
        self.tally = Tally()
        self.breaker = Breaker()
        self.space = make_space(self._gone)
        self.coming: set[bytes] = set()
        self.pending: dict[bytes, int] = {}
        self.unread: dict[bytes, None] = {}
        self.read = False
        self.reading = False
        self.closed = False
        self.rooms = rooms
        self.wake: Callable[[], None] = lambda: None
        self._pack = pack
        self._passphrase = passphrase
        self._verifier_of: Wide[bytes, Verifier] = Wide()
        self.stops = Stops()
        self._seal: tuple[bytes, str | None, Seal] | None = None
        shelf.watchers.append(self._changed)

    def close(self) -> None:
        """Save what was learned; follow the shelf no more, hold nothing."""
        if self.closed:
            return
        self.closed = True
        self.read = False
        self.save()
        self.shelf.watchers.remove(self._changed)
        self.wake()
        self.space.clear()
        self.embedder.close()

    @property
    def ready(self) -> bool:
        """Whether what the store holds was read."""
        return self.read and self.shelf.ready

    # ---- questions

    async def vector(self, text: str) -> Vector | None:
        """The text's vector. Raises ValueError for what is none of this embedder's, and whatever that raises."""
        vector = await self.embedder.embed(text)
        if vector is not None and not (len(vector) == self.embedder.dimensions and 0.5 < vector.dot(vector) < 2.0):
            raise ValueError("the embedder gave no unit vector of its dimensions")  # NaN is none either
        return vector

    def entry(self, id: Id) -> Entry | None:
        """The entry of that id, if it is still there."""
        return self.shelf.directory.entries.get(id) if isinstance(id, bytes) else None

    def is_here(self, entry: Entry) -> bool:
        """Whether the directory has this very entry."""
        return self.shelf.directory.entries.get(entry.id) is entry

    def is_unread(self, partition: bytes) -> bool:
        """Whether a partition has to be read first; then it will be."""
        if self.space.is_unread(partition):
            if partition not in self.unread and len(self.unread) < 1000:
                self.unread[partition] = None
                self.wake()
            return True
        return False

    def verifier(self, model: str, version: str) -> Verifier:
        """The verifier of a model's answers."""
        return self.learners.get(model, version)

    def hold(self, question: Question, entry: Entry, *, placed: bool = False) -> None:
        """Keep a question, here and in the store. ``placed``: its verifier knows it already."""
        kept = Kept(question.version, question.partition, question.text, self._pack(question.vector))
        self.space.learn(entry.id, question.partition)
        held = self.space.add(entry.id, kept)
        if held is None:
            return
        verifier = self.verifier(question.model, question.version)
        if placed:
            held.placed = True
            self._verifier_of[entry.id] = verifier
        else:
            self.place(held, entry, verifier)
        seal = self._sealing()
        if self.shelf.store is not None and seal is not None:
            sealed = seal.close(entry.id, kept_bytes(kept))
            self.shelf.store.records(QUESTIONS).put(entry.id, sealed, entry.expires)

    def take(self, id: bytes, sealed: bytes) -> bool:
        """Hold a question that was stored. False where it is not usable here."""
        kept = self.opened(id, sealed)
        return kept is not None and self.space.add(id, kept) is not None

    def opened(self, id: bytes, sealed: bytes) -> Kept | None:
        """A question's record; None where it is not usable here."""
        entry = self.shelf.directory.entries.get(id)
        seal = self._sealing()
        if entry is None or seal is None or not entry.partition:
            return None
        try:
            data = seal.open(id, sealed)
            kept = None if data is None else kept_of(data)
        except ValueError:
            kept = None
        if kept is None or kept.partition != entry.partition or kept.version != self.embedder.version:
            return None
        return kept if len(kept.vector) == self.embedder.dimensions else None

    def place(self, held: Held, entry: Entry, verifier: Verifier) -> None:
        """Make a question known to its verifier."""
        verifier.place(held.id, prepare(held.text), held.partition, entry.group or None)
        held.placed = True
        self._verifier_of[held.id] = verifier

    def let_go(self, partition: bytes) -> None:
        """Hold a partition no more: it is read anew."""
        self.space.let_go(partition)
        self.wake()

    def forget(self, id: bytes) -> None:
        """The entry is gone."""
        self.pending.pop(id, None)
        self.space.unlearn(id)

    def _gone(self, id: bytes, partition: bytes) -> None:
        verifier = self._verifier_of.pop(id, None)
        if verifier is not None:
            verifier.forget(id)

    def _changed(self, entry: Entry | None, id: bytes) -> None:
        """What the shelf tells of."""
        if entry is None:
            if id:
                if self.space.partition_of(id) is not None and self.shelf.store is not None:
                    self.shelf.store.records(QUESTIONS).delete([id])
                self.forget(id)
            else:
                self.read = self.reading = False
                self.pending.clear()
                self.unread.clear()
                self.space.clear()
                self.wake()
        elif entry.partition and id not in self.coming:  # one that comes is held as soon as all is known of it
            self.space.learn(id, entry.partition)
            held = self.space.get(id)
            if held is None:
                if (self.read or self.reading) and self.space.is_spare:
                    self.pending[id] = TRIES
                    self.wake()
            elif held.placed and (verifier := self._verifier_of.get(id)) is not None:
                self.place(held, entry, verifier)

    # ---- what is learned

    def checked(self, model: str, version: str, verdict: Verdict, equal: bool | None) -> None:
        """A shadow was compared. What was found wrong leaves the cache."""
        verifier = self.verifier(model, version)
        self.remove(verifier.checked(verdict, equal))
        self.stops.look(model, verifier, verdict.partition)

    def told(self, entry: Entry, right: bool) -> int:
        """A user said that an answer was right, or wrong. How many entries went."""
        held = self.space.get(entry.id)
        if held is not None and not held.placed:
            self.place(held, entry, self.verifier(entry.model, self.embedder.version))
        verifier = self._verifier_of.get(entry.id)
        keys = set() if verifier is None else set(verifier.told(entry.id, right))
        if right:
            return 0
        # Those that say the same and that the verifier does not know yet go too.
        for id in self.space.known(entry.partition):
            other = self.entry(id)
            if other is not None and other.group == entry.group:
                keys.add(id)
        return self.remove(keys | {entry.id})

    def remove(self, keys: Any) -> int:
        """Answers found wrong leave the cache, at every worker."""
        entries = [entry for key in keys if (entry := self.entry(key)) is not None]
        self.tally.removed += len(entries)
        return self.shelf.drop(entries, "wrong")

    def given(self, request: str, entry: Entry) -> None:
        """A request was answered from an entry."""
        seal = self._sealing()
        if self.shelf.store is not None and seal is not None:
            name = request_key(request)
            data = seal.sign(name, entry.id)
            self.shelf.store.records(GIVEN).put(name, data, self.shelf.wall() + GIVEN_SECONDS)

    async def given_to(self, request: str) -> Entry | None:
        """The entry that a request was answered from."""
        seal = self._sealing()
        if self.shelf.store is None or seal is None:
            return None
        name = request_key(request)
        data = await self.shelf.store.records(GIVEN).get(name)
        id = None if data is None else seal.signed(name, data)
        return None if id is None else self.entry(id)

    def save(self) -> None:
        """Write down what was learned."""
        seal = self._sealing()
        if self.shelf.store is None or seal is None:
            return
        wall = self.shelf.wall()
        for state in self.learners.states(wall):
            sealed = seal.close(state.key, state_bytes(state))
            self.shelf.store.records(LEARNED).put(state.key, sealed, wall + STATE_SECONDS)

    def remember(self, key: bytes, sealed: bytes) -> None:
        """A record of what was learned once."""
        seal = self._sealing()
        try:
            data = None if seal is None else seal.open(key, sealed)
            if data is not None:
                self.learners.remember(state_of(data))
        except ValueError:
            pass

    def _sealing(self) -> Seal | None:
        """What seals these records: another key than that of answers, so that neither can stand in for the other."""
        secret, passphrase = self.shelf.secret, self._passphrase()
        if self.shelf.seal is None:
            return None
        if self._seal is None or self._seal[0] != secret or self._seal[1] != passphrase:
            self._seal = (secret, passphrase, Seal(b"questions\0" + secret, passphrase))
        return self._seal[2]

    def __repr__(self) -> str:
        return f"<Memory {self.space!r}, {self.learners!r}>"


def request_key(request: str) -> bytes:
    """What is kept of a request's id."""
    return hashlib.sha256(b"request\0" + request.encode("utf-8", "replace")).digest()[:16]

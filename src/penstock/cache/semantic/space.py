"""The questions that this worker may match, by partition: their texts, and an index over their vectors. Pure.

Enters: entries as they come and go, their questions as they are read. Leaves: the nearest of one partition, or what of
it has to be read first. Bounded in questions, partitions and bytes (an account): what goes then is the partition that
was used longest ago; it is read again when it is asked for. May fail: what an index raises, in ``search`` only.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from penstock.core.ports import Account

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector
    from penstock.cache.semantic.record import Kept

QUESTION_BYTES = 1100
"""What a question takes beside its text and its vector: its place, and its words once they were looked at."""
PARTITION_BYTES = 3000


class Nearest(Protocol):
    """An index over one partition's vectors."""

    dimensions: int

    def add_packed(self, identity: int, data: bytes) -> bool: ...

    def extend(self, identities: Sequence[int], data: bytes) -> int: ...

    def remove(self, identity: int) -> bool: ...

    def search(self, vector: Vector, count: int) -> list[tuple[int, float]]: ...


class Held:
    """One question. ``placed``: the verifier knows it."""

    __slots__ = ("id", "partition", "placed", "size", "text")

    def __init__(self, id: bytes, partition: bytes, text: str, size: int) -> None:
        self.id = id
        self.partition = partition
        self.text = text
        self.size = size
        self.placed = False


class Part:
    """One partition."""

    __slots__ = ("held", "index", "size", "version")

    def __init__(self, index: Nearest, version: str) -> None:
        self.index = index
        self.version = version
        self.held: dict[int, Held] = {}
        self.size = PARTITION_BYTES


class Space:
    """See the module. ``make``: an index for so many dimensions; ``gone``: told of questions that are held no more."""

    def __init__(
        self,
        account: Account,
        make: Callable[[int], Nearest],
        gone: Callable[[bytes, bytes], None],
        *,
        entries: int,
        partitions: int,
    ) -> None:
        self._account = account
        self._make = make
        self._gone = gone
        self.entries = entries
        self.partitions = partitions
        self.evicted = 0
        self._parts: OrderedDict[bytes, Part] = OrderedDict()
        self._fresh: deque[Held] = deque()
        self._where: dict[bytes, bytes] = {}
        self._known: dict[bytes, set[bytes]] = {}
        self._partition_of: dict[bytes, bytes] = {}

    # ---- which there are

    def learn(self, id: bytes, partition: bytes) -> None:
        """There is an entry of that partition."""
        if self._partition_of.get(id) != partition:
            self.unlearn(id)
            self._partition_of[id] = partition
            self._known.setdefault(partition, set()).add(id)

    def unlearn(self, id: bytes) -> None:
        """The entry is gone."""
        partition = self._partition_of.pop(id, None)
        if partition is None:
            return
        known = self._known[partition]
        known.discard(id)
        if not known:
            del self._known[partition]
        self._drop(id)

    def partition_of(self, id: bytes) -> bytes | None:
        """Where the entry belongs, if there is one."""
        return self._partition_of.get(id)

    def known(self, partition: bytes) -> list[bytes]:
        """Entries of a partition, held or not."""
        return list(self._known.get(partition, ()))

    def unread(self, partition: bytes) -> list[bytes]:
        """Entries of a partition that is not held at all, and so has to be read first."""
        return [] if partition in self._parts else self.known(partition)

    # ---- which are held

    def __contains__(self, id: bytes) -> bool:
        return id in self._where

    def __len__(self) -> int:
        return len(self._where)

    @property
    def held_bytes(self) -> int:
        """Of all that is held, about."""
        return sum(part.size for part in self._parts.values())

    def used_last(self) -> Iterator[tuple[bytes, Part]]:
        """Partitions, the one used last first."""
        return iter(reversed(self._parts.items()))

    @property
    def count(self) -> int:
        """Partitions that are held."""
        return len(self._parts)

    @property
    def is_spare(self) -> bool:
        """Whether there is room for more without letting others go."""
        return len(self._where) < 0.95 * self.entries and len(self._parts) < 0.95 * self.partitions

    def add(self, id: bytes, kept: Kept) -> Held | None:
        """Hold a question. None where it is none of its partition's vectors, or there is no room even so."""
        return self._add(id, kept, lambda index, number: index.add_packed(number, kept.vector))

    def extend(self, those: Sequence[tuple[bytes, Kept]]) -> int:
        """Hold many, as when the store is read; those of one partition go into its index together. How many are."""
        of: dict[bytes, list[tuple[bytes, Kept]]] = {}
        for id, kept in those:
            of.setdefault(kept.partition, []).append((id, kept))
        return sum(self._extend(partition, group) for partition, group in of.items())

    def _extend(self, partition: bytes, group: list[tuple[bytes, Kept]]) -> int:
        size = len(group[0][1].vector)
        new = {_number(id) for id, _ in group if id not in self}
        if len(new) < len(group) or any(len(kept.vector) != size or not any(kept.vector) for _, kept in group):
            return sum(self.add(id, kept) is not None for id, kept in group)
        numbers, vectors = [], []
        for id, kept in group:
            if self._add(id, kept, lambda index, number: index.dimensions == size) is not None:
                numbers.append(_number(id))
                vectors.append(kept.vector)
        if numbers:
            self._parts[partition].index.extend(numbers, b"".join(vectors))
        return len(numbers)

    def _add(self, id: bytes, kept: Kept, put: Callable[[Nearest, int], bool]) -> Held | None:
        self._drop(id)
        part = self._parts.get(kept.partition)
        size = QUESTION_BYTES + len(kept.text) + len(kept.vector) + (len(kept.vector) >> 3)
        whole = size + (PARTITION_BYTES if part is None else 0)
        if not self._make_room(whole, kept.partition):
            return None
        if part is None:
            part = Part(self._make(len(kept.vector)), kept.version)
            self._parts[kept.partition] = part
        number = _number(id)
        if part.version != kept.version or number in part.held or not put(part.index, number):
            self._account.release(size)
            self._leave(kept.partition, part)
            return None
        held = part.held[number] = Held(id, kept.partition, kept.text, size)
        self._where[id] = kept.partition
        self._fresh.append(held)
        part.size += size
        return held

    def search(self, partition: bytes, vector: Vector, count: int) -> list[tuple[Held, float]]:
        """The nearest, best first, with their cosines."""
        part = self._parts.get(partition)
        if part is None:
            return []
        self._parts.move_to_end(partition)
        return [(part.held[number], cosine) for number, cosine in part.index.search(vector, count)]

    def get(self, id: bytes) -> Held | None:
        """A question that is held."""
        partition = self._where.get(id)
        return None if partition is None else self._parts[partition].held.get(_number(id))

    def let_go(self, partition: bytes) -> None:
        """Hold a partition no more: it is read again on need."""
        part = self._parts.get(partition)
        for held in [] if part is None else list(part.held.values()):
            self._drop(held.id)

    def let_go_partial(self) -> None:
        """Those of which not all questions are held."""
        for partition, part in list(self._parts.items()):
            if len(part.held) < len(self._known.get(partition, ())):
                self.let_go(partition)

    def resize(self, entries: int, partitions: int) -> None:
        """Other bounds from now on."""
        self.entries, self.partitions = entries, partitions
        self._make_room(0, b"")

    def clear(self) -> None:
        """Nothing is known any more."""
        for partition in list(self._parts):
            self.let_go(partition)
        self._known.clear()
        self._partition_of.clear()

    def _make_room(self, size: int, mine: bytes) -> bool:
        """Reserve so much. Partitions go for it, but not ``mine``."""
        more = mine not in self._parts and bool(mine)
        while (
            len(self._where) + bool(mine) > self.entries
            or len(self._parts) + more > self.partitions
            or not self._account.reserve(size)
        ):
            oldest = next((partition for partition in self._parts if partition != mine), None)
            if oldest is None:
                return False
            self.evicted += 1
            self.let_go(oldest)
        return True

    def _drop(self, id: bytes) -> None:
        partition = self._where.pop(id, None)
        if partition is None:
            return
        part = self._parts[partition]
        held = part.held.pop(_number(id))
        part.index.remove(_number(id))
        self._account.release(held.size)
        part.size -= held.size
        self._leave(partition, part)
        if held.placed:
            self._gone(id, partition)

    def _leave(self, partition: bytes, part: Part) -> None:
        if not part.held:
            del self._parts[partition]
            self._account.release(PARTITION_BYTES)

    def unplaced(self) -> Held | None:
        """A question that the verifier does not know yet; each is given once."""
        while self._fresh:
            held = self._fresh.popleft()
            if not held.placed and self.get(held.id) is held:
                return held
        return None

    def __repr__(self) -> str:
        return f"<Space {len(self._where)} questions in {len(self._parts)} partitions>"


def _number(id: bytes) -> int:
    """63 bits of a digest. Two that share them are refused to be in one partition."""
    return int.from_bytes(id[:8], "big") >> 1

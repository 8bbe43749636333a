"""The questions that this worker may match, by partition: their texts, and an index over their vectors. Pure.

Enters: entries as they come and go, their questions as they are read. Leaves: the nearest of one partition, or what of
it has to be read first. Bounded in questions, partitions and bytes (an account): what goes then is the partition that
was used longest ago; it is read again when it is asked for. What a large one took is given up bit by bit (``leaving``).
May fail: what an index raises, in ``search`` only.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from penstock.cache.semantic.leaving import Leaving
from penstock.cache.semantic.record import number_of
from penstock.cache.wide import Wide
from penstock.core.ports import Account

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector
    from penstock.cache.semantic.record import Kept

QUESTION_BYTES = 1100
"""What a question takes beside its text and its vector: its place, and its words once they were looked at."""
PARTITION_BYTES = 3000
LOOKED = 64
"""Questions that are looked at in one step for one that the verifier does not know."""


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
        self.held: Wide[int, Held] = Wide()
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
        self._count = 0
        self.leaving = Leaving(self._left)
        self._known: dict[bytes, dict[bytes, None]] = {}
        self._partition_of: dict[bytes, bytes] = {}

    def learn(self, id: bytes, partition: bytes) -> None:
        """There is an entry of that partition."""
        if self._partition_of.get(id) != partition:
            self.unlearn(id)
            self._partition_of[id] = partition
            self._known.setdefault(partition, {})[id] = None

    def unlearn(self, id: bytes) -> None:
        """The entry is gone."""
        partition = self._partition_of.pop(id, None)
        if partition is None:
            return
        known = self._known[partition]
        known.pop(id, None)
        if not known:
            del self._known[partition]
        self._drop(id, partition)

    def partition_of(self, id: bytes) -> bytes | None:
        """Where the entry belongs, if there is one."""
        return self._partition_of.get(id)

    def known(self, partition: bytes) -> list[bytes]:
        """Entries of a partition, held or not."""
        return list(self._known.get(partition, ()))

    def is_unread(self, partition: bytes) -> bool:
        """Whether a partition has entries, and is not held at all."""
        return partition not in self._parts and partition in self._known

    def unread(self, partition: bytes) -> list[bytes]:
        """Entries of a partition that is not held at all, and so has to be read first."""
        return [] if partition in self._parts else self.known(partition)

    def __contains__(self, id: bytes) -> bool:
        return self.get(id) is not None

    def __len__(self) -> int:
        return self._count

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
        return self._count < 0.95 * self.entries and len(self._parts) < 0.95 * self.partitions

    def add(self, id: bytes, kept: Kept) -> Held | None:
        """Hold a question, and know of it. None where it is none of its partition's vectors, or there is no room."""
        return self._add(id, kept, lambda index, number: index.add_packed(number, kept.vector))

    def extend(self, those: Sequence[tuple[bytes, Kept]]) -> int:
        """Hold many, as when the store is read; those of one partition go into its index together. How many are."""
        of: dict[bytes, list[tuple[bytes, Kept]]] = {}
        for id, kept in those:
            of.setdefault(kept.partition, []).append((id, kept))
        return sum(self._extend(partition, group) for partition, group in of.items())

    def _extend(self, partition: bytes, group: list[tuple[bytes, Kept]]) -> int:
        size = len(group[0][1].vector)
        new = {number_of(id) for id, _ in group if id not in self}
        if len(new) < len(group) or any(len(kept.vector) != size or not any(kept.vector) for _, kept in group):
            return sum(self.add(id, kept) is not None for id, kept in group)
        numbers, vectors = [], []
        for id, kept in group:
            if self._add(id, kept, lambda index, number: index.dimensions == size) is not None:
                numbers.append(number_of(id))
                vectors.append(kept.vector)
        if numbers:
            self._parts[partition].index.extend(numbers, b"".join(vectors))
        return len(numbers)

    def _add(self, id: bytes, kept: Kept, put: Callable[[Nearest, int], bool]) -> Held | None:
        self.learn(id, kept.partition)
        self._drop(id, kept.partition)
        part = self._parts.get(kept.partition)
        size = QUESTION_BYTES + len(kept.text) + len(kept.vector) + (len(kept.vector) >> 3)
        whole = size + (PARTITION_BYTES if part is None else 0)
        if not self._make_room(whole, kept.partition):
            return None
        if part is None:
            part = Part(self._make(len(kept.vector)), kept.version)
            self._parts[kept.partition] = part
        number = number_of(id)
        if part.version != kept.version or number in part.held or not put(part.index, number):
            self._account.release(size)
            self._leave(kept.partition, part)
            return None
        held = part.held[number] = Held(id, kept.partition, kept.text, size)
        self._count += 1
        if self.leaving:
            self.leaving.shed(4)  # so that less waits to be given up than is held
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
        part = self._parts.get(self._partition_of.get(id, b""))
        held = None if part is None else part.held.get(number_of(id))
        return held if held is not None and held.id == id else None

    def let_go(self, partition: bytes) -> None:
        """Hold a partition no more: it is read again on need."""
        part = self._parts.pop(partition, None)
        if part is None:
            return
        self._count -= len(part.held)
        self._account.release(part.size)
        self.leaving.put(*part.held.parts)

    def _left(self, held: object) -> None:
        if isinstance(held, Held) and held.placed:
            again = self.get(held.id)
            if again is None or not again.placed:
                self._gone(held.id, held.partition)

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
        self.leaving.put(self._fresh, self._partition_of, *self._known.values())
        self._fresh, self._partition_of, self._known = deque(), {}, {}

    def _make_room(self, size: int, mine: bytes) -> bool:
        """Reserve so much. Partitions go for it, but not ``mine``."""
        more = mine not in self._parts and bool(mine)
        while (
            self._count + bool(mine) > self.entries
            or len(self._parts) + more > self.partitions
            or not self._account.reserve(size)
        ):
            oldest = next((partition for partition in self._parts if partition != mine), None)
            if oldest is None:
                return False
            self.evicted += 1
            self.let_go(oldest)
        return True

    def _drop(self, id: bytes, partition: bytes) -> None:
        part = self._parts.get(partition)
        held = None if part is None else part.held.get(number_of(id))
        if part is None or held is None or held.id != id:
            return
        del part.held[number_of(id)]
        self._count -= 1
        part.index.remove(number_of(id))
        self._account.release(held.size)
        part.size -= held.size
        self._leave(partition, part)
        if held.placed:
            self._gone(id, partition)

    def _leave(self, partition: bytes, part: Part) -> None:
        if not part.held:
            del self._parts[partition]
            self._account.release(PARTITION_BYTES)

    @property
    def is_fresh(self) -> bool:
        """Whether ``unplaced`` has some to look at."""
        return bool(self._fresh)

    def unplaced(self) -> Held | None:
        """A question that the verifier does not know yet; each is given once. None where a few had none among them."""
        for _ in range(min(LOOKED, len(self._fresh))):
            held = self._fresh.popleft()
            if not held.placed and self.get(held.id) is held:
                return held
        return None

    def __repr__(self) -> str:
        return f"<Space {self._count} questions in {len(self._parts)} partitions>"

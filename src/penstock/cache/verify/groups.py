"""Answer groups: entries whose answers were found equal, with what is known of how well that answer served.

Enters: entries as they are stored, with the group that their answer belongs to; outcomes. Leaves: which entries there
are, and each group's words and history. A group's name is that of the entry that founded it, so that workers agree on
it. At most ``most`` entries: when full, the one placed longest ago goes. Unknown names are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.cache.verify.lexical import Prepared
from penstock.cache.verify.verdict import Id
from penstock.cache.wide import Wide

MOST_WORDS = 256
"""Distinct stems that a group remembers; when full, new ones are not learned."""
MOST_LINKS = 32
"""Other groups of which it is remembered how often their answer was found equal to this one's."""
CONFIRMATIONS = 3
CONTRADICTIONS = 6
MOST_TALLY = 1_000
"""Where the count of a veto's outcomes stops."""


class Group:
    """``size``: entries; ``right``, ``wrong``: verified uses of its answer (shadow checks and feedback);
    ``words``: stem -> entries that have it; ``allowed``, ``forbidden``: per veto, how often a question that differed
    so was found to have the same answer after all, and another."""

    __slots__ = ("allowed", "forbidden", "id", "keys", "links", "partition", "right", "words", "wrong")

    def __init__(self, id: Id, partition: Id) -> None:
        self.id = id
        self.partition = partition
        self.keys: set[Id] = set()
        self.right = 0.0
        self.wrong = 0.0
        self.words: dict[str, int] = {}
        self.allowed: dict[str, int] = {}
        self.forbidden: dict[str, int] = {}
        self.links: dict[Id, int] = {}

    @property
    def size(self) -> int:
        return len(self.keys)

    def covers(self, stems: Sequence[str]) -> float:
        """The share of ``stems`` that some entry of the group has."""
        words = self.words
        return sum([stem in words for stem in stems]) / len(stems) if stems else 1.0

    def lifts(self, veto: str, needed: int) -> bool:
        """Whether it is verified ``needed`` times, without exception, that this difference does not matter here."""
        return self.allowed.get(veto, 0) >= needed and not self.forbidden.get(veto)

    def note(self, vetoes: Sequence[str], equal: bool) -> None:
        """A question that differed in ``vetoes`` was found to have this answer, or another."""
        table = self.allowed if equal else self.forbidden
        for veto in vetoes:
            table[veto] = min(table.get(veto, 0) + 1, MOST_TALLY)

    def __repr__(self) -> str:
        return f"Group({self.id!r}, {self.size} entries, {self.right:g} right, {self.wrong:g} wrong)"


class Entry:
    """One stored question."""

    __slots__ = ("group", "key", "partition", "prepared")

    def __init__(self, key: Id, prepared: Prepared, partition: Id, group: Group) -> None:
        self.key = key
        self.prepared = prepared
        self.partition = partition
        self.group = group


class Groups:
    """See the module. ``full``: entries that went because there was no room."""

    __slots__ = ("_entries", "_groups", "_most", "full")

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[Id, Entry] = {}  # an OrderedDict of so many takes 10 ms to grow
        self._groups: Wide[Id, Group] = Wide()
        self.full = 0

    def get(self, key: Id) -> Entry | None:
        return self._entries.get(key)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def place(self, key: Id, prepared: Prepared, partition: Id, group: Id | None = None) -> Entry:
        """Put an entry into ``group``, which is made if it is not there; alone if None. A known key is replaced."""
        self.forget(key)
        if len(self._entries) >= self._most:
            self.full += 1
            self.forget(next(iter(self._entries)))
        home = None if group is None else self._groups.get(group)
        if home is None or home.partition != partition:
            home = Group(key if group is None or home is not None else group, partition)
            self._groups[home.id] = home
        entry = self._entries[key] = Entry(key, prepared, partition, home)
        home.keys.add(key)
        words = home.words
        for stem in prepared.content:
            if stem in words:
                words[stem] += 1
            elif len(words) < MOST_WORDS:
                words[stem] = 1
        return entry

    def forget(self, key: Id) -> None:
        """Take an entry out; with its last entry a group goes too."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        home = entry.group
        home.keys.discard(key)
        if not home.keys:
            self._groups.pop(home.id, None)
            return
        words = home.words
        for stem in entry.prepared.content:
            left = words.get(stem, 0) - 1
            if left > 0:
                words[stem] = left
            else:
                words.pop(stem, None)

    def link(self, one: Group, other: Group, same: bool) -> Group:
        """An answer was found equal to that of ``one``, and equal or not to that of ``other``. Becoming one takes more
        than one word of a judge that errs, and a contradiction outweighs two confirmations. Gives what
        ``one`` is now."""
        if one is other or one.partition != other.partition:
            return one
        score = one.links.get(other.id, 0)
        if same and score + 1 >= CONFIRMATIONS:
            return self._merge(one, other)
        if same or score > -CONTRADICTIONS:
            for a, b in ((one, other), (other, one)):
                if b.id in a.links or len(a.links) < MOST_LINKS:
                    a.links[b.id] = score + 1 if same else score - 2
        return one

    def _merge(self, into: Group, other: Group) -> Group:
        """The work is that of the smaller."""
        if other.size > into.size:
            into, other = other, into
        for key in other.keys:
            self._entries[key].group = into
        into.keys |= other.keys
        for table, more in (
            (into.words, other.words), (into.allowed, other.allowed), (into.forbidden, other.forbidden),
        ):  # fmt: skip
            for word, count in more.items():
                if word in table or len(table) < MOST_WORDS:
                    table[word] = table.get(word, 0) + count
        into.right += other.right
        into.wrong += other.wrong
        into.links.pop(other.id, None)
        self._groups.pop(other.id, None)
        return into

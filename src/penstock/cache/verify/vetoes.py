"""Named rules that forbid a candidate whatever its probability: two questions that differ so have different answers.

Enters: the features of a comparison (compare.py). Leaves: the names of the rules that fire, of those switched on. A
veto is lifted where a group's verified history shows that the difference does not matter (``Group.lifts``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.cache.verify.compare import NAMES

VETOES: dict[str, str] = {
    "numbers": "both have numbers, and not the same",
    "number_added": "only one has a number",
    "identifiers": "a ticket, address, path or name of code is not in both",
    "units": "both have units or currencies, and not the same",
    "quotes": "what stands in quotes is not the same",
    "code": "what stands as code is not the same",
    "negation": "one is negated, the other is not",
    "opposite": "a word of one is the opposite of a word of the other",
    "class": "a word of one excludes a word of the other: plans, accounts, weekdays, languages",
    "entities": "each has a capitalised name that the other lacks",
    "entity_added": "only one has a capitalised name",
    "order": "the same words in another order: from A to B, from B to A",
    "swap": "one sentence, in which something is replaced by something else",
    "inserted": "one sentence, with something put in",
    "tense": "one asks of now, the other of before",
    "question": "another question word",
}
DEFAULT: tuple[str, ...] = (
    "numbers", "identifiers", "units", "quotes", "code", "negation", "opposite", "class", "entities", "order", "swap",
    "inserted", "tense",
)  # fmt: skip
"""``number_added``, ``entity_added`` and ``question`` fire on too many true paraphrases; the model weighs them."""


class Vetoes:
    """The rules that are switched on. Raises ValueError for an unknown name."""

    __slots__ = ("_places", "names")

    def __init__(self, names: Iterable[str] = DEFAULT) -> None:
        self.names = tuple(dict.fromkeys(names))
        for name in self.names:
            if name not in VETOES:
                raise ValueError(f"there is no veto {name!r}; there are {', '.join(VETOES)}")
        self._places = tuple((NAMES.index(name), name) for name in self.names)

    def fired(self, features: Sequence[float]) -> tuple[str, ...]:
        """Which rules the features of ``compare`` break."""
        return tuple([name for place, name in self._places if features[place]])

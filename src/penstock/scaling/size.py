"""How large one replica is: what it has of each dimension. Pure, plain values.

Enters: numbers, or words such as ``memory: 4GiB``. Leaves: a Size. May fail: ValueError with a line for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from penstock.core.units import format_size, parse_size

DIMENSIONS = ("cpu", "memory", "slots", "context", "threads")
MOST = 1e6
"""Of all but memory: beyond this it is a slip of the pen."""


class Size(Struct, frozen=True, omit_defaults=True):
    """``cpu``: cores; ``memory``: bytes; ``slots``: calls that an engine decodes at once; ``context``: tokens of each;
    ``threads``: CPU threads of an engine. None: nothing is said of it."""

    cpu: float | None = None
    memory: int | None = None
    slots: int | None = None
    context: int | None = None
    threads: int | None = None

    def said(self) -> dict[str, float]:
        """What is said, by dimension."""
        return {name: value for name in DIMENSIONS if (value := getattr(self, name)) is not None}

    def over(self, other: Size) -> Size:
        """This, and where it says nothing, the other."""
        return structs.replace(other, **self.said())

    def __str__(self) -> str:
        return in_words(self.said()) or "nothing"


def in_words(size: Mapping[str, float]) -> str:
    """A size in words, by its dimensions."""
    return ", ".join(f"{name} {amount(name, value)}" for name, value in size.items())


def amount(dimension: str, value: float) -> str:
    """As people write it."""
    return format_size(int(value)) if dimension == "memory" else f"{value:g}" if dimension == "cpu" else str(int(value))


def size_of(words: Mapping[str, Any]) -> Size:
    """The size that ``words`` say."""
    said: dict[str, Any] = {}
    for name, word in words.items():
        if name not in DIMENSIONS:
            raise ValueError(f'"{name[:40]}" is nothing that a replica has; there are {", ".join(DIMENSIONS)}')
        said[name] = _number(name, str(word).strip())
    return Size(**said)


def _number(name: str, text: str) -> float:
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        value: float = parse_size(text) if name == "memory" else float(text) if name == "cpu" else int(text)
    except ValueError:
        looks = {"memory": "a size, such as 4GiB", "cpu": "a number of cores, such as 0.5 or 4"}
        raise ValueError(f"{name} is {looks.get(name, 'a whole number, such as 8')}") from None
    most = 2**50 if name == "memory" else MOST
    if not 0 < value <= most:
        raise ValueError(f"{name} {text[:40]} is no size: it is more than 0 and at most {amount(name, most)}")
    return value

"""The narrator: prints what happens, and keeps which of a scene's claims held. Pure but for who writes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import NamedTuple

WIDTH = 100


class Fact(NamedTuple):
    """What was measured against what a scene claims. ``soon``: whether it was as quick as that."""

    says: str
    held: bool
    soon: bool = True

    @property
    def shown(self) -> bool:
        """Whether it is as the scene claims."""
        return self.held and self.soon


class Teller:
    """``write`` takes a line; ``paint`` colours a text (bold, dim, green, red, cyan)."""

    def __init__(self, write: Callable[[str], None], paint: Callable[[str, str], str]) -> None:
        self._write = write
        self._paint = paint
        self.facts: list[Fact] = []

    def title(self, number: int, of: int, text: str) -> None:
        """A scene begins."""
        self.facts = []
        head = f"{number}/{of}  {text}"
        self._write("")
        self._write(self._paint(head, "bold"))
        self._write(self._paint("─" * len(head), "dim"))

    def say(self, text: str) -> None:
        """What is about to be seen."""
        for line in textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  "):
            self._write(line)

    def show(self, line: str) -> None:
        """A line as it is: a command, a picture made of letters."""
        self._write("    " + self._paint(line, "cyan"))

    def fact(self, says: str, held: bool, soon: bool = True) -> None:
        """Something that the scene claims, with the number that was measured."""
        self.facts.append(Fact(says, held, soon))
        mark = self._paint("✓", "green") if self.facts[-1].shown else self._paint("✗", "red")
        first, *rest = textwrap.wrap(says, WIDTH - 4) or [""]
        self._write(f"  {mark} {first}")
        for line in rest:
            self._write(f"    {line}")

    def __repr__(self) -> str:
        return f"<Teller {len(self.facts)} facts>"


def bars(counts: dict[str, int], width: int = 40) -> list[str]:
    """A line each: a name, a bar, a number."""
    most = max([*counts.values(), 1])
    wide = max(map(len, counts), default=0)
    return [f"{name:<{wide}} {'█' * round(width * count / most):<{width}} {count}" for name, count in counts.items()]


def length(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

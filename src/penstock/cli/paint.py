"""Colours for a terminal, where there is one that wants them, and text in so many columns. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from penstock.cli.caller import shown

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Paint:
    """``on``: whether it colours at all."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, how: str) -> str:
        """``text`` as ``how`` says (bold, dim, red, green, yellow, cyan; "": plain)."""
        return f"\x1b[{_CODES[how]}m{text}\x1b[0m" if self.on and how else text

    def __repr__(self) -> str:
        return f"<Paint {'on' if self.on else 'off'}>"


def wants_colour(is_terminal: bool, environ: Mapping[str, str]) -> bool:
    """Whether to colour: into pipes never, nor where NO_COLOR is set (no-color.org) or the terminal cannot."""
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM", "") not in ("", "dumb")


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return sum(_wide(sign) for sign in text)


def _wide(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def cut(text: object, most: int) -> str:
    """Text of unknown origin as it fits ``most`` columns: one line, nothing that a terminal would obey."""
    line = shown(str(text), 4 * most)
    if columns(line) <= most:
        return line
    kept, taken = "", 0
    for sign in line:
        taken += _wide(sign)
        if taken > most - 1:
            break
        kept += sign
    return kept + "…"


def padded(text: object, width: int, right: bool = False) -> str:
    """Text of unknown origin in exactly ``width`` columns."""
    line = cut(text, width)
    space = " " * (width - columns(line))
    return space + line if right else line + space

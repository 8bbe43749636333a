"""Numbers and times that options take: what is none of them is refused in words. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from penstock.core.units import parse_duration


def whole(least: int, most: int) -> Callable[[str], int]:
    """What reads a whole number between these."""

    def read(given: str) -> int:
        text = given.removeprefix("-")
        if text.isascii() and text.isdigit() and least <= int(given) <= most:
            return int(given)
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")

    return read


def number(most: float, *, least: float | None = None) -> Callable[[str], float]:
    """What reads a number above 0, or from ``least`` on, up to ``most``."""
    says = "above 0" if least is None else f"from {least:g}"

    def read(given: str) -> float:
        try:
            found = float(given)
        except ValueError:
            found = -1.0
        if (found > 0 if least is None else found >= least) and found <= most:
            return found
        raise argparse.ArgumentTypeError(f"must be a number {says}, {most:g} at most")

    return read


def seconds(given: str) -> float:
    """Of a duration such as ``30s``, longer than nothing."""
    try:
        found = parse_duration(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found <= 0:
        raise argparse.ArgumentTypeError("must be longer than nothing")
    return found

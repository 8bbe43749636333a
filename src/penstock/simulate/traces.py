"""Recorded calls as the simulation takes them: when, how long prompt and answer are, which blocks a prompt begins with.

Reads Azure's CSV (TIMESTAMP, ContextTokens, GeneratedTokens), Mooncake's JSON lines (timestamp in ms, input_length,
output_length, hash_ids), and ours (at in s, prompt, output, perhaps blocks, session). Raises ValueError with the line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = 512
"""Tokens of a block in Mooncake's traces, and in ours where the first line does not say ``block``."""


class Row(NamedTuple):
    """One call. ``at``: seconds since the trace began; ``blocks``: equal ids mean equal beginnings of prompts."""

    at: float
    prompt: int
    output: int
    blocks: Sequence[int] = ()
    session: str = ""


class Trace(NamedTuple):
    """Calls in order of time."""

    name: str
    rows: list[Row]
    block: int = BLOCK

    @property
    def seconds(self) -> float:
        """From the first call to the last."""
        return self.rows[-1].at - self.rows[0].at if self.rows else 0.0

    def half(self, second: bool) -> Trace:
        """The first or the second half of its time: constants are fitted on one and judged on the other."""
        middle = self.rows[0].at + self.seconds / 2
        rows = [row for row in self.rows if (row.at >= middle) == second]
        return Trace(f"{self.name}, {'second' if second else 'first'} half", rows, self.block)


def read_trace(path: Path) -> Trace:
    """The trace in ``path``, whose form is told by its first line. Raises OSError, ValueError."""
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline()
        file.seek(0)
        if first.startswith("TIMESTAMP"):
            return Trace(path.stem, sorted(_azure(file)))
        block = _told(first, 1).get("block", BLOCK) if first.strip() else BLOCK
        if not isinstance(block, int) or block < 1:
            raise ValueError('line 1: "block" is a number of tokens')
        return Trace(path.stem, sorted(_lines(file), key=lambda row: row.at), block)


def _azure(file: Iterable[str]) -> Iterator[Row]:
    began: datetime | None = None
    for number, row in enumerate(csv.DictReader(file), 2):
        try:
            at = datetime.fromisoformat(row["TIMESTAMP"][:26])
            prompt, output = int(row["ContextTokens"]), int(row["GeneratedTokens"])
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"line {number} is not TIMESTAMP,ContextTokens,GeneratedTokens") from None
        began = began or at
        yield Row((at - began).total_seconds(), prompt, max(1, output))


def _told(line: str, number: int) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ValueError(
            f"line {number} is no recorded call: a line of JSON such as"
            ' {"at": 12.5, "prompt": 4100, "output": 220}, or Azure\'s CSV with its head'
        )
    return told


def _lines(file: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        told = _told(line, number)
        mooncake = "timestamp" in told
        names = ("timestamp", "input_length", "output_length") if mooncake else ("at", "prompt", "output")
        try:
            at, prompt, output = float(told[names[0]]), int(told[names[1]]), int(told[names[2]])
        except KeyError as error:
            raise ValueError(f"line {number} is no recorded call: {error} is missing") from None
        except (TypeError, ValueError):
            raise ValueError(f"line {number} is no recorded call: {', '.join(names)} are numbers") from None
        blocks = told.get("hash_ids" if mooncake else "blocks", ())
        yield Row(at / 1000 if mooncake else at, max(1, prompt), max(1, output), blocks, str(told.get("session", "")))

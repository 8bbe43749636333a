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
from typing import NamedTuple

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
        try:
            if first.startswith("TIMESTAMP"):
                return Trace(path.stem, sorted(_azure(file)))
            block = int(json.loads(first).get("block", BLOCK)) if first.strip() else BLOCK
            return Trace(path.stem, sorted(_lines(file), key=lambda row: row.at), block)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: not a trace that is known ({error!r})") from None


def _azure(file: Iterable[str]) -> Iterator[Row]:
    began: datetime | None = None
    for row in csv.DictReader(file):
        at = datetime.fromisoformat(row["TIMESTAMP"][:26])
        began = began or at
        yield Row((at - began).total_seconds(), int(row["ContextTokens"]), max(1, int(row["GeneratedTokens"])))


def _lines(file: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            if "timestamp" in told:
                at, prompt, output = told["timestamp"] / 1000, told["input_length"], told["output_length"]
                blocks = told.get("hash_ids", ())
            else:
                at, prompt, output, blocks = told["at"], told["prompt"], told["output"], told.get("blocks", ())
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} is not a recorded call: {error!r}") from None
        yield Row(float(at), max(1, int(prompt)), max(1, int(output)), blocks, str(told.get("session", "")))

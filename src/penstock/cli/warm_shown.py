"""What ``penstock warm`` shows people: a bar while it runs, and what it would ask.

Enters: a run, patterns, lines. Leaves: text on standard error (the bar only on a terminal) and standard output. Text of
prompts is shown without its control characters.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from penstock.cli.caller import shown
from penstock.cli.options import print_json
from penstock.cli.warm_run import Run
from penstock.cli.warm_source import Found, numbered
from penstock.journal.patterns import Pattern
from penstock.journal.warming import BadLine, Budget, item_of_line

BAR = 24
MOST_TOLD = 50
"""Lines about single calls; of more, only the count is told."""

Share = Callable[[Run], float | None]
"""How much of the input is done, from 0 to 1; None where it cannot be known."""


class Drawing:
    """Lines that stay, and below them a bar that is drawn again and again."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._drawn = False
        self._told = 0
        self._terminal = sys.stderr.isatty()

    def say(self, line: str) -> None:
        """A line about one call."""
        with self._lock:
            self._told += 1
        if self._told < MOST_TOLD:
            self.insist(line)
        elif self._told == MOST_TOLD:
            self.insist("more failed; they are counted, and told no further")

    def insist(self, line: str) -> None:
        """A line that is told in any case."""
        with self._lock:
            self._clear()
            print(shown(line, 400), file=sys.stderr, flush=True)

    def draw(self, run: Run, budget: Budget) -> None:
        """The bar, on a terminal."""
        if not self._terminal:
            return
        share = self._share(run)
        bar = "" if share is None else f"[{'#' * round(BAR * share):<{BAR}}] {share:4.0%}  "
        counts = f"{run.warmed} warmed, {run.cached} cached, {run.failed} failed, {budget.tokens} tokens"
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        with self._lock:
            self._clear()
            sys.stderr.write(f"{bar}{counts}  {run.holding}"[: width - 1])
            sys.stderr.flush()
            self._drawn = True

    def clear(self) -> None:
        """Take the bar away."""
        with self._lock:
            self._clear()
            sys.stderr.flush()

    def _clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            self._drawn = False


def share_of_items(total: int) -> Share:
    """Where it is known how many there are."""
    return lambda run: min(1.0, (run.warmed + run.cached + run.failed + run.skipped) / max(1, total))


def share_of_file(file: BinaryIO) -> Share:
    """By how much of a file was read; unknown for a pipe."""
    try:
        size = os.fstat(file.fileno()).st_size if file.seekable() else 0
    except (OSError, ValueError):
        size = 0
    return lambda run: min(1.0, file.tell() / size) if size and not file.closed else None


def show_patterns(found: Found, patterns: list[Pattern], as_json: bool) -> int:
    """What ``--from-journal`` would ask."""
    if as_json:
        print_json(
            [
                {
                    "count": one.count, "template": one.template, "operation": one.operation, "model": one.model,
                    "scope": one.scope,
                    "prompts": [{"count": count, "body": msgspec.json.decode(body)} for count, body in one.prompts],
                }
                for one in patterns
            ]
        )  # fmt: skip
        return 0
    print(f"{found.patterns.calls} calls with a prompt among {found.rows}; the commonest patterns:\n")
    print("  count  prompts  model                 pattern")
    for one in patterns:
        print(f"{one.count:7}  {len(one.prompts):7}  {shown(one.model, 20):<20}  {shown(one.template, 100)}")
    if found.patterns.dropped:
        print(f"\n{found.patterns.dropped} calls of rare patterns were left out: there were too many kinds to hold")
    return 0


def show_lines(name: str, file: BinaryIO, model: str | None, as_json: bool) -> int:
    """What a file holds: how many calls, about how many tokens, and which lines are none."""
    calls = tokens = 0
    wrong: list[str] = []
    broken = 0
    for number, line in numbered(file):
        try:
            item = item_of_line(line, number, model)
        except BadLine as error:
            broken += 1
            if broken <= MOST_TOLD:
                wrong.append(f"{shown(name)}:{number}: {error}")
            continue
        calls += 1
        tokens += item.prompt_tokens
    if as_json:
        print_json({"calls": calls, "prompt_tokens_about": tokens, "broken": broken, "problems": wrong})
    else:
        for line_told in wrong:
            print(shown(line_told, 400), file=sys.stderr)
        print(f"{calls} calls, about {tokens} tokens of prompts; lines that are no calls: {broken}")
    return 1 if broken else 0

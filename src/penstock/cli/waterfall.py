"""A start as a picture: a line a span, its bar where it lay in time. Pure.

Enters: spans of all processes. Leaves: lines for people, or plain values for programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.cli.paint import Paint
from penstock.core.marks import Span

WIDTH = 40
NAME = 34


def rows(began: float, spans: Sequence[Span], workers: Mapping[int, Sequence[Span]]) -> list[dict[str, Any]]:
    """In the order of their beginnings; milliseconds since ``began``."""
    every = [("", span) for span in spans]
    every += [(f"worker {number}", span) for number, those in workers.items() for span in those]
    return [
        {
            "where": where,
            "name": span.name,
            "at_ms": round((span.began - began) * 1000, 1),
            "took_ms": round((span.ended - span.began) * 1000, 1),
            **({"how": span.how} if span.how else {}),
        }
        for where, span in sorted(every, key=lambda one: one[1].began)
    ]


def lines(told: Sequence[Mapping[str, Any]], paint: Paint) -> list[str]:
    """The picture."""
    whole = max((row["at_ms"] + row["took_ms"] for row in told), default=0.0) or 1.0
    return [_line(row, whole, paint) for row in told]


def _line(row: Mapping[str, Any], whole: float, paint: Paint) -> str:
    name = f"{row['where']}: {row['name']}" if row["where"] else row["name"]
    start = min(WIDTH - 1, int(row["at_ms"] / whole * WIDTH))
    length = max(1, min(WIDTH - start, round(row["took_ms"] / whole * WIDTH)))
    how = row.get("how", "")
    bar = " " * start + paint("█" * length, "red" if how else "cyan") + " " * (WIDTH - start - length)
    return f"  {name[:NAME]:<{NAME}} {row['at_ms']:>8.1f} {row['took_ms']:>8.1f} ms  {bar} {how}".rstrip()

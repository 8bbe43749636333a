"""What measures of a trend are called, and how their change is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.core.figures import share

NAMES = {
    "calls": "calls a second",
    "errors": "failed calls",
    "total_p95": "whole answer, p95",
    "ttft_p95": "first token, p95",
    "overhead_p95": "the gateway itself, p95",
    "token_rate": "tokens a second of a call",
    "hit_rate": "cache hits",
    "cost": "cost of a call",
    "prompt": "prompt tokens of a call",
}


def change(row: Mapping[str, Any]) -> str:
    """``+12.0 %, worse``."""
    by = "new" if row["change"] is None else f"{'+' if row['change'] >= 0 else ''}{share(row['change'])}"
    return f"{by}, {row['verdict']}" if row["verdict"] else by

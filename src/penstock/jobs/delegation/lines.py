"""The lines of a job as a provider gets them, and what it answers. Pure.

Enters: a Line; a line of the provider's output. Leaves: bytes; an Outcome, or None for a line that it did not do and
that may still be done here. Lines are named by their place: whoever asked need not be known there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.jobs.lines import Line
from penstock.jobs.record import Outcome, compact
from penstock.wire.json_scan import splice
from penstock.wire.usage import usage_of

FULL = frozenset({408, 409, 429})


class _Response(msgspec.Struct):
    status_code: int = 0
    request_id: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Told(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: Any = None


def sent_line(line: Line, n: int, endpoint: str, model: str) -> bytes:
    """The line ``n`` for the provider, which knows the model as ``model``."""
    body = line.body if model == line.model else splice(line.body, {"model": msgspec.json.encode(model)})
    asked = {"custom_id": f"{n}", "method": "POST", "url": endpoint, "body": compact(body)}
    return msgspec.json.encode(asked) + b"\n"


def outcome_of(told: bytes, total: int, names: list[str], upstream: str, price: tuple[float, float]) -> Outcome | None:
    """``names``: the custom ids of the job's lines. ``price``: dollars for a token in and out, there."""
    try:
        answer = msgspec.json.decode(told, type=_Told)
        n = int(answer.custom_id)
    except (ValueError, RecursionError):
        return None
    response = answer.response
    if response is None or not 0 <= n < total:
        return None
    status = response.status_code
    if status in FULL or status >= 500 or status < 100:
        return None
    body = bytes(response.body)
    usage = usage_of(body)
    tokens_in, tokens_out, cached = (
        (0, 0, 0) if usage is None else (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    )
    return Outcome(
        n, names[n], "ok" if 200 <= status < 300 else "error", status, response.request_id or "", msgspec.Raw(body),
        upstream=upstream, tokens_in=tokens_in, tokens_out=tokens_out, tokens_cached=cached,
        micro_dollars=round(1e6 * (tokens_in * price[0] + tokens_out * price[1])),
    )  # fmt: skip


def cheapest(offers: dict[str, tuple[float, float]], delegates: list[str], share: float) -> str | None:
    """Which of ``delegates`` asks less, at ``share`` of its price, than any of ``offers`` (dollars for a token in and
    out, by upstream) asks for calls that are answered at once. None where none does: also not where one is free."""
    online = min((sum(price) for price in offers.values()), default=0.0)
    batched = {name: sum(offers[name]) * share for name in delegates if name in offers}
    best = min(batched, key=lambda name: batched[name], default=None)
    return best if best is not None and batched[best] < online else None

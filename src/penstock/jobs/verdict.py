"""What an answer to a line means: done, wrong for good, try again, or come back later. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from penstock.core.call import Headers
from penstock.jobs.lines import Line
from penstock.jobs.record import Outcome, compact

Verdict = Literal["ok", "error", "again", "full"]
FULL = frozenset({429, 503, 529})
PASSING = frozenset({408, 409, 425})


class Answer(msgspec.Struct):
    """``retryable`` None: nothing was said about it. ``retry_after`` in seconds."""

    status: int
    request_id: str
    body: bytes
    upstream: str = ""
    retryable: bool | None = None
    retry_after: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    micro_dollars: int = 0

    def read_fields(self, headers: Headers) -> None:
        """Take what header fields say of another try."""
        for name, value in headers:
            if name == b"retry-after" and value.isdigit() and len(value) < 8:
                self.retry_after = float(value)
            elif name == b"x-should-retry":
                self.retryable = value.strip().lower() == b"true"

    @property
    def verdict(self) -> Verdict:
        """See the module."""
        if 200 <= self.status < 300:
            return "ok"
        if self.retryable is False:
            return "error"
        if self.status in FULL:
            return "full"
        if self.status >= 500 or self.status in PASSING or self.retryable:
            return "again"
        return "error"


def outcome_of(line: Line, n: int, answer: Answer) -> Outcome:
    """What is kept of it."""
    kept = answer.body if answer.body.strip() else b"null"
    try:
        if not kept.isascii():
            kept.decode()
        msgspec.json.decode(kept, type=msgspec.Raw)
        body = msgspec.Raw(kept.strip())
    except (ValueError, RecursionError):
        body = compact(kept)
    return Outcome(
        n, line.custom_id, "ok" if answer.verdict == "ok" else "error", answer.status, answer.request_id, body,
        upstream=answer.upstream, tokens_in=answer.tokens_in, tokens_out=answer.tokens_out,
        tokens_cached=answer.tokens_cached, micro_dollars=answer.micro_dollars,
    )  # fmt: skip

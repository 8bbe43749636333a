"""What of a call's head may shape its answer: what two calls must have in common, beside the body, to be equal.

Enters: a call. Leaves: bytes that differ where its query or a field that reaches the upstream does, but for fields that
say who asks or for which trace. A language shapes the answer, and an idempotency key may fetch that of another call.
May fail: CallerError for a field that holds a line break.
"""

from __future__ import annotations

from penstock.core.call import Call
from penstock.wire.headers import forwardable

UNSHAPING_FIELDS = frozenset(
    (
        b"accept", b"baggage", b"cache-control", b"content-type", b"dnt", b"http-referer", b"if-modified-since",
        b"if-none-match", b"origin", b"pragma", b"priority", b"referer",
        b"sec-gpc", b"sentry-trace", b"traceparent", b"tracestate", b"user-agent", b"x-amzn-trace-id", b"x-app",
        b"x-b3-parentspanid", b"x-b3-sampled", b"x-b3-spanid", b"x-b3-traceid", b"x-client-request-id",
        b"x-cloud-trace-context", b"x-correlation-id", b"x-request-start", b"x-title",
    )
)  # fmt: skip
UNSHAPING_STARTS = (b"sec-fetch-", b"sec-ch-", b"x-datadog-", b"x-stainless-")


def shaping(call: Call) -> bytes:
    """See the module."""
    fields = [
        field
        for field in call.headers
        if field[0] not in UNSHAPING_FIELDS and not field[0].startswith(UNSHAPING_STARTS)
    ]
    classification = call.header(b"x-penstock-classification") or b""
    return b"%b\n%b\n%b" % (classification.lower(), call.query, forwardable(sorted(fields)))

"""Cross-origin calls from web pages (Fetch standard, CORS protocol). Off unless origins are configured."""

from __future__ import annotations

from penstock.core.call import Headers
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply

EXPOSED = "x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, x-penstock-model, \
x-penstock-upstream, age, x-penstock-cache, x-penstock-cache-entry, x-penstock-saved-tokens, x-penstock-similarity, \
x-penstock-stream, x-penstock-attempts, x-penstock-overhead-ms, x-penstock-cache-score, x-penstock-queue-ms, \
x-penstock-queue-position, x-penstock-batch, x-penstock-degraded, x-penstock-fault, \
x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, \
x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens"


def allowed_origin(headers: Headers, origins: frozenset[str]) -> str:
    """The caller's Origin if it may call, else an empty string."""
    for name, value in headers:
        if name == b"origin":
            origin = value.decode("latin-1")
            if origin in origins:
                return origin
            return "*" if "*" in origins else ""
    return ""


def cors_lines(origin: str) -> bytes:
    """Lines that let a page of ``origin`` read the answer."""
    return (
        f"access-control-allow-origin: {origin}\r\nvary: origin\r\naccess-control-expose-headers: {EXPOSED}\r\n"
    ).encode()


def preflight(methods: tuple[str, ...], cors: bytes) -> Next:
    """Answers OPTIONS: with the allowed methods, and for a page of an allowed origin with what it may send."""

    async def answer(exchange: Exchange) -> Reply:
        allow = ", ".join((*methods, "OPTIONS")).encode()
        headers: Headers = [(b"allow", allow)]
        if cors:
            asked = exchange.call.header(b"access-control-request-headers") or b"authorization, content-type"
            headers += [
                (b"access-control-allow-methods", allow),
                (b"access-control-allow-headers", asked),
                (b"access-control-max-age", b"600"),
            ]
        return Reply(204, headers, b"")

    return answer

"""Any upstream that speaks the caller's own dialect over HTTP: the request goes out as it came, the answer comes back
as bytes.

Enters: a call and the model's name there. Leaves: a Reply whose body is whole or live. Only named rewrites touch the
body: the model, a default max_tokens, usage asked for (then withheld again). Fails with the client's UpstreamError.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from penstock.core.call import Call, Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Source, collect
from penstock.net.client import Origin
from penstock.net.handshake import check_answer, offering, tokens
from penstock.net.http_head import field_lines
from penstock.net.reach import Patience
from penstock.net.response import Switched
from penstock.providers.event_frames import EventFrames
from penstock.wire.counts import Usage
from penstock.wire.headers import Memo, forwardable, returnable
from penstock.wire.json_scan import splice
from penstock.wire.openai_chat import ask_usage
from penstock.wire.query import sent_query
from penstock.wire.subprotocols import is_of_handshake, tellable
from penstock.wire.trace_context import TRACE_FIELDS
from penstock.wire.usage import usage_of

USAGE_ASKED_OF: Final = frozenset({"chat", "completions"})
OUTPUT_LIMIT: Final = {
    "chat": "max_tokens",
    "completions": "max_tokens",
    "messages": "max_tokens",
    "responses": "max_output_tokens",
}
"""What each operation calls its limit on output tokens."""
MAX_READ_FOR_USAGE: Final = 1024 * 1024
BODILESS: Final[tuple[int, ...]] = (204, 304)
REALTIME: Final = b"realtime"
LEAST_SECRET_BYTES: Final = 3
"""What is shorter could stand anywhere."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How one upstream is spoken to. ``base_path`` is the path of its base URL; ``fields`` replace the
    caller's of the same name; ``other_fields`` are those with its further keys, one by one; ``defaults`` stand in where
    the caller sends none; ``secrets`` nobody else may see."""

    host: str
    base_path: str
    dialects: frozenset[str]
    fields: Headers = field(default_factory=list)
    other_fields: Sequence[Headers] = ()
    defaults: Headers = field(default_factory=list)
    secrets: Sequence[bytes] = ()
    ask_usage: bool = True
    realtime: bool = False


class HttpProvider:
    """See the module. One instance an upstream."""

    def __init__(
        self,
        origin: Origin,
        speech: Speech,
        patience: Patience,
        now: Callable[[], float],
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._origin = origin
        self._entropy = entropy
        self._speech = speech
        self._now = now
        self._patience = patience
        start = b"host: " + speech.host.encode() + b"\r\naccept-encoding: identity\r\n"
        turns = (speech.fields, *speech.other_fields)
        self._fixed = [start + b"".join([b"%b: %b\r\n" % field for field in fields]) for fields in turns]
        # Under what a caller's memo keeps the head with each key.
        self._marks: list[object] = [self, *[object() for _ in speech.other_fields]]
        # The caller's Connection field stays: it names other fields that must not pass.
        self._owned = frozenset(name for name, _ in speech.fields if name != b"connection")
        self._traced = self._owned | TRACE_FIELDS
        self._forwarded: Memo = {}
        self._returned: Memo = {}

    def serves(self, call: Call) -> bool:
        """Whether the upstream speaks the dialect of the call's operation."""
        operation = call.operation
        return operation.dialect in self._speech.dialects and (not operation.upgrades or self._speech.realtime)

    async def send(self, exchange: Exchange, model: str) -> Reply:
        """Forward the call."""
        call = exchange.call
        if call.operation.upgrades:
            return await self._open_socket(exchange, model)
        body, framing, withhold = self._body(exchange, model)
        now = self._now()
        # A stream must begin soon; a whole answer may take all the time that is left.
        within = self._left(exchange, now)
        if call.stream and within > self._patience.head:
            within = self._patience.head
        trace = exchange.trace
        attempt = None if trace is None else trace.ask(exchange.upstream, model, now)
        if attempt is None:
            head = self._head(call, exchange.upstream_key, self._owned) + framing
        else:
            head = self._head(call, exchange.upstream_key, self._traced) + attempt.line + framing
        try:
            response = await self._origin.request(head, body, self._patience, within, exchange=exchange)
        finally:
            then = self._now()
            exchange.waited += then - now
            if attempt is not None:
                attempt.head = then
        exchange.answered = then
        answer = response.head
        if attempt is not None:
            attempt.status = answer.status
        known = answer.memo.get(self)
        if known is None:
            headers = returnable(answer.headers, self._returned)
            events = answer.status not in BODILESS and is_event_stream(headers)
            known = answer.memo[self] = (headers, events, (headers, field_lines(headers)))
        headers, events, lines = known
        if response.ended and not events and not response.failed:
            whole = response.body
            if answer.status == 200 and len(whole) <= MAX_READ_FOR_USAGE and call.operation.body == "json":
                note_usage(exchange, usage_of(whole))
            reply = Reply(answer.status, headers, whole)
            reply.lines = lines
            return reply
        reply = Reply(answer.status, headers, response)
        if events:
            reply.events = True
            reply.body = EventFrames(response, exchange, withhold=withhold)
        else:
            reply.length = response.length
        return reply

    def _left(self, exchange: Exchange, now: float) -> float:
        """Seconds that an answer may take to begin: a tick past the deadline, so that nearly always the wheel comes to
        the call's own deadline first, and no other upstream is asked in vain."""
        return max(exchange.deadline - now, 0.0) + self._origin.wheel.tick

    async def _open_socket(self, exchange: Exchange, model: str) -> Reply:
        """A WebSocket to the upstream: a 101 whose body is the open connection, or the error answered instead."""
        call = exchange.call
        if exchange.body.length != 0:
            raise CallerError("a handshake has no body", code="bad_handshake")
        key = base64.b64encode(self._entropy(16))
        protocols = tellable(tokens(call.headers, b"sec-websocket-protocol"))
        now = self._now()
        attempt = None if exchange.trace is None else exchange.trace.ask(exchange.upstream, model, now)
        owned = self._owned if attempt is None else self._traced
        kept = [field for field in call.headers if field[0] not in owned and not is_of_handshake(field[0])]
        head = b"GET %b?%b HTTP/1.1\r\n%b%b%b%b\r\n" % (
            (self._speech.base_path + call.operation.path).encode(), sent_query(call.query, model),
            self._fixed[exchange.upstream_key],
            forwardable(kept, self._forwarded), b"" if attempt is None else attempt.line, offering(key, protocols),
        )  # fmt: skip
        within = min(self._left(exchange, now), self._patience.head)
        try:
            response = await self._origin.request(head, b"", self._patience, within, upgrade=True, exchange=exchange)
        finally:
            then = self._now()
            exchange.waited += then - now
            if attempt is not None:
                attempt.head = then
        exchange.answered = then
        if attempt is not None:
            attempt.status = response.status
        headers = returnable(response.headers, self._returned)
        if response.status >= 400:
            return Reply(response.status, headers, response.body if response.ended else response)
        try:
            if not isinstance(response, Switched):
                raise ValueError(f"answered {response.status} and opened no WebSocket")
            chosen = check_answer(response.headers, key, protocols)
        except ValueError as error:
            response.cancel("no WebSocket")
            raise self._origin.failed(str(error), "handshake", code="upstream_malformed") from None
        headers = [field for field in headers if not is_of_handshake(field[0])]
        # Most servers agree to none, and browsers take that for a failure: what was opened is what was asked for.
        if chosen or REALTIME in protocols:
            headers.append((b"sec-websocket-protocol", chosen or REALTIME))
        return Reply(101, headers, response.upgraded)

    def _body(self, exchange: Exchange, model: str) -> tuple[bytes | Source, bytes, bool]:
        """``(body, the end of its head, whether usage is to be withheld)``; the body differs only by named rewrites."""
        call = exchange.call
        if call.operation.body == "json":
            body = call.body
            withhold = False
            changes = {}
            if model != call.model:
                changes["model"] = msgspec.json.encode(model)
            if exchange.output_default is not None and call.operation.name in OUTPUT_LIMIT:
                changes[OUTPUT_LIMIT[call.operation.name]] = b"%d" % exchange.output_default
            if changes:
                body = splice(body, changes)
            if call.stream and not call.usage_wanted and self._speech.ask_usage:
                withhold = call.operation.name in USAGE_ASKED_OF
                if withhold:
                    body = ask_usage(body)
                    withhold = not exchange.usage_passes
            return body, b"content-length: %d\r\n\r\n" % len(body), withhold
        length = exchange.body.length
        if call.method in ("GET", "DELETE"):
            if length != 0:  # a server that does not read it would take it for the next request on the connection
                raise CallerError(f"a {call.method} request has no body here", code="unexpected_body")
            return b"", b"\r\n", False
        if length is None:
            return exchange.body, b"transfer-encoding: chunked\r\n\r\n", False
        if length == 0:
            return b"", b"content-length: 0\r\n\r\n", False
        return exchange.body, b"content-length: %d\r\n\r\n" % length, False

    def _head(self, call: Call, key: int, owned: frozenset[bytes]) -> bytes:
        """All of the head but its framing: derived from the caller's head alone, so kept with it, for each key."""
        known: bytes | None = call.memo.get(self._marks[key])
        if known is not None:
            return known
        target = (self._speech.base_path + call.operation.path).encode()
        query = b"?" + call.query if call.query else b""
        headers = call.headers
        if owned:
            headers = [field for field in headers if field[0] not in owned]
        defaults = [b"%b: %b\r\n" % field for field in self._speech.defaults if call.header(field[0]) is None]
        head = b"%b %b%b HTTP/1.1\r\n%b%b%b" % (
            call.method.encode(), target, query, self._fixed[key], forwardable(headers, self._forwarded),
            b"".join(defaults),
        )  # fmt: skip
        call.memo[self._marks[key]] = head
        return head

    async def probe(self, method: str, path: str, body: bytes, within: float, limit: int) -> tuple[int, bytes]:
        """Ask something of our own: ``(status, body)``. A ``path`` with a slash before it counts from the root of the
        server, else from its base URL. Raises UpstreamError, GatewayError (no connection is free), or OverflowError
        for a body over ``limit`` bytes. Who cancels it closes its connection."""
        target = path if path.startswith("/") else f"{self._speech.base_path}/{path}"
        framing = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body) if body else b""
        defaults = b"".join([b"%b: %b\r\n" % field for field in self._speech.defaults])
        head = b"%b %b HTTP/1.1\r\n%b%b%b\r\n" % (
            method.encode(), target.encode(), self._fixed[0], defaults, framing,
        )  # fmt: skip
        response = await self._origin.request(head, body, Patience(within, within, within))
        return response.status, await collect(response, limit)

    async def warm(self, number: int, ahead: float = 0.0) -> int:
        """See ``Origin.warm``."""
        return await self._origin.warm(number, self._patience, ahead)

    def scrub(self, text: bytes) -> bytes:
        """``text`` with what nobody may see struck out: upstreams repeat keys in their errors."""
        for secret in self._speech.secrets:
            if len(secret) > LEAST_SECRET_BYTES:
                text = text.replace(secret, b"***")
        return text

    async def aclose(self) -> None:
        """Close idle connections; busy ones end with their answers."""
        self._origin.close()

    def __repr__(self) -> str:
        return f"<HttpProvider {self._origin!r}>"


def is_event_stream(headers: Headers) -> bool:
    """Whether an answer is a stream of server-sent events that can be read: we asked for no coding of its content."""
    events = False
    for name, value in headers:
        if name == b"content-type":
            events = value[:17].lower() == b"text/event-stream"
        elif name == b"content-encoding" and value.lower() != b"identity":
            return False
    return events


def note_usage(exchange: Exchange, usage: Usage | None) -> None:
    """Write what an answer says of tokens into the exchange."""
    if usage is not None:
        exchange.tokens_in = usage.prompt_tokens
        exchange.tokens_out = usage.completion_tokens
        exchange.tokens_cached = usage.cached_tokens
        exchange.tokens_written = usage.written_tokens
        exchange.tokens_reasoning = usage.reasoning_tokens

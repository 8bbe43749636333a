"""A call without a stream whose upstreams are asked for one, so that what breaks can be rescued (``rescue: all``).

Enters: the call, and its body made to ask for a stream. Leaves: a Reply whose body is whole, or the upstream's own
where it gives no stream: one that refuses is asked again as the caller asked, and remembered. Fails as a stream does
when nobody can finish it, and with 502 for an answer that is larger than what is collected.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from penstock.core.call import Headers
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.reply import Reply
from penstock.routing.ask import Ask
from penstock.routing.attempts import Step
from penstock.routing.joint import Joint
from penstock.routing.rescue import REFUSALS
from penstock.routing.targets import Target
from penstock.routing.ways import STREAM, refuse, takes
from penstock.wire.collected import Collected
from penstock.wire.shared_answer import collecting

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

log = logging.getLogger("penstock")

Send = Callable[[Exchange, Target, Ask], Awaitable[Reply]]
"""One request: the call of an exchange, at a target, asked for so."""
Serve = Callable[[Exchange, Step, Send], Awaitable[Reply]]
"""Attempt after attempt, each through the given Send."""

_ABOUT_STREAMS = re.compile(rb"(?<![a-z])stream", re.IGNORECASE)
_SEEN_BYTES = 8192
_JSON: Headers = [(b"content-type", b"application/json")]


class CollectedCall:
    """See the module. ``read`` reads an error answer whole. The exchange has the call as a stream while it runs."""

    def __init__(
        self,
        exchange: Exchange,
        body: bytes,
        send: Send,
        read: Callable[[Reply, Target], Awaitable[object]],
        now: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._plain = exchange.call
        call = self._streamed = exchange.call.twin()
        call.body = body
        call.stream = call.usage_wanted = True
        self._send = send
        self._read = read
        self._now = now

    async def run(self, serve: Serve, step: Step) -> Reply:
        """Serve the call."""
        exchange, plain = self._exchange, self._plain

        def restore(exchange: Exchange) -> None:
            exchange.call = plain

        exchange.defer(restore)  # where it ends in the midst: what is noted of it then is the caller's own call
        exchange.call = self._streamed
        try:
            reply = await serve(exchange, step, self.send)
            return await self._collect(reply, reply.body) if isinstance(reply.body, Joint) else reply
        finally:
            restore(exchange)

    async def send(self, exchange: Exchange, target: Target, ask: Ask) -> Reply:
        """Ask for a stream; where the target gives none, for the plain answer."""
        operation = self._plain.operation.name
        is_asked = takes(target, operation, ask.model, STREAM)
        if is_asked:
            exchange.call = self._streamed
            reply = await self._send(exchange, target, ask)
            if not await self._is_refusal(reply, target):
                return reply
        exchange.call = self._plain
        reply = await self._send(exchange, target, ask)
        if is_asked and reply.status < 400:  # else it was not the stream that it minded
            refuse(target, operation, ask.model, STREAM)
            log.warning("upstream '%s' gives no streams of %s: they are not collected there", target.name, operation)
        return reply

    async def _is_refusal(self, reply: Reply, target: Target) -> bool:
        """Whether a reply says that the upstream gives no streams, or brings one under a wrong name."""
        if reply.status in REFUSALS:
            await self._read(reply, target)
            return isinstance(reply.body, bytes) and _ABOUT_STREAMS.search(reply.body[:_SEEN_BYTES]) is not None
        kind = dict(reply.headers).get(b"content-type", b"json").lower()
        if reply.status != 200 or reply.events or b"json" in kind:
            return False
        if not isinstance(reply.body, bytes):
            reply.body.cancel("no stream")
        return True

    async def _collect(self, reply: Reply, joint: Joint) -> Reply:
        answer = collecting(self._plain.operation.name)
        joint.anew = answer.clear
        gathering = Gathering(answer, joint.arrived.get_loop())
        began = self._now()
        try:
            joint.start(gathering)
            await gathering.whole
        except BaseException:
            joint.cancel("caller gone")
            raise
        finally:
            self._exchange.waited += self._now() - began
        assert joint.told is not None
        if not joint.told.finish:
            raise UpstreamError("an upstream ended its stream before its answer", phase="body")
        headers = [field for field in reply.headers if field[0] != b"content-type"]
        return Reply(reply.status, headers + _JSON, answer.body())

    def __repr__(self) -> str:
        return f"<CollectedCall {self._exchange!r}>"


class Gathering:
    """A Sink that gathers frames in ``answer``. ``whole`` resolves at the end, or fails: whoever waits then cancels."""

    __slots__ = ("_answer", "whole")

    def __init__(self, answer: Collected, loop: AbstractEventLoop) -> None:
        self._answer = answer
        self.whole: Promise[None] = Promise(loop)

    def push(self, frame: bytes) -> None:
        try:
            self._answer.add(frame)
        except UpstreamError as error:
            self.whole.set_exception(error)

    def end(self, error: Fail | None) -> None:
        if error is None:
            self.whole.set_result(None)
        else:
            self.whole.set_exception(error)

    def __repr__(self) -> str:
        return f"<Gathering {self._answer!r}>"

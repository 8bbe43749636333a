"""One line asked: a call of Penstock's own, in the name of the key whose job it is, through the rooms below the door.

Enters: a line and its job. Leaves: an Answer, whatever came of it. Only being cancelled escapes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from penstock.core.call import Call, Headers
from penstock.core.errors import Fail, GatewayError
from penstock.core.exchange import Exchange, Held
from penstock.core.ports import Next
from penstock.core.priority import BATCH
from penstock.core.reply import collect
from penstock.jobs.job import Job
from penstock.jobs.lines import PLACE, Line
from penstock.jobs.verdict import Answer
from penstock.net.request_body import Body
from penstock.wire.errors import error_body

log = logging.getLogger("penstock")

MOST_ANSWER_BYTES = 32 * 2**20
CLIENT = "batch"
"""Stands for the caller's address."""


@dataclass(frozen=True, slots=True)
class Inside:
    """The rooms that a call of our own passes, as the newest configuration has them. ``total``: seconds it may last;
    ``price``: dollars for a token in and out, by upstream."""

    run: Next
    held: Held
    total: float
    price: Callable[[str], tuple[float, float]]


class _Arrived:
    """The connection of a body that is here already."""

    def hold_reading(self) -> None: ...

    def want_body(self) -> None: ...


def body_of(raw: bytes) -> Body:
    """A body that is here."""
    body = Body(_Arrived(), len(raw))
    body.fill(raw)
    return body


class Asking:
    """See the module. ``inside`` gives the present rooms, ``next_id`` an id for a call."""

    def __init__(self, inside: Callable[[], Inside], next_id: Callable[[], str], now: Callable[[], float]) -> None:
        self._inside = inside
        self.next_id = next_id
        self._now = now
        self.in_flight = 0

    async def ask(self, job: Job, line: Line) -> Answer:
        """See the module."""
        inside = self._inside()
        started = self._now()
        exchange = self._exchange(job, line, inside, started)
        self.in_flight += 1
        try:
            async with asyncio.timeout(inside.total):
                reply = await inside.run(exchange)
                exchange.status = reply.status
                exchange.overhead = self._now() - started - exchange.waited - exchange.queued
                body = await collect(reply.body, MOST_ANSWER_BYTES)
            for tap in reply.taps:
                tap(body)
            exchange.bytes_out = len(body)
            exchange.first_byte = self._now()
            exchange.finish("ok", self._now())
            return self._answer(exchange, inside, reply.status, reply.headers, body)
        except Fail as fail:
            return self._failed(exchange, inside, fail)
        except TimeoutError:
            return self._failed(exchange, inside, _late(inside.total))
        except OverflowError:
            return self._failed(exchange, inside, _too_large())
        except Exception:
            log.exception("a room failed on %s", exchange.id, extra={"request": exchange.id})
            return self._failed(exchange, inside, GatewayError("Penstock has a defect here.", status=500))
        finally:
            self.in_flight -= 1
            exchange.finish("left", self._now())

    def _exchange(self, job: Job, line: Line, inside: Inside, started: float) -> Exchange:
        headers: Headers = [
            (b"content-type", b"application/json"),
            # The same for the same line, however often and by whomever it is asked.
            (b"idempotency-key", f"{job.id}-{line.number}".encode()),
        ]
        call = Call(line.operation, "POST", PLACE + line.operation.path, b"", headers, CLIENT)
        exchange = Exchange(self.next_id(), call, started, started + inside.total, body_of(line.body))
        exchange.generation = inside.held
        inside.held.enter()
        exchange.defer(lambda _: inside.held.leave())
        exchange.key = exchange.scope = job.key
        exchange.priority = BATCH
        exchange.weight = job.weight
        return exchange

    def _failed(self, exchange: Exchange, inside: Inside, fail: Fail) -> Answer:
        exchange.error = fail
        exchange.status = exchange.status or fail.status
        fail.__traceback__ = fail.__context__ = None  # their frames hold the call and its bytes, in a circle
        exchange.finish("error", self._now())
        body = error_body(fail, exchange.call.operation.dialect, exchange.id)
        answer = self._answer(exchange, inside, fail.status, [], body)
        answer.retryable = fail.retryable
        answer.retry_after = fail.retry_after
        return answer

    def _answer(self, exchange: Exchange, inside: Inside, status: int, headers: Headers, body: bytes) -> Answer:
        per_in, per_out = inside.price(exchange.upstream) if exchange.upstream else (0.0, 0.0)
        answer = Answer(status, exchange.id, body, exchange.upstream)
        answer.tokens_in = exchange.tokens_in
        answer.tokens_out = exchange.tokens_out
        answer.tokens_cached = exchange.tokens_cached
        answer.micro_dollars = round(1e6 * (exchange.tokens_in * per_in + exchange.tokens_out * per_out))
        answer.read_fields(headers)
        return answer

    def __repr__(self) -> str:
        return f"<Asking {self.in_flight} in flight>"


def _late(total: float) -> GatewayError:
    return GatewayError(f"the call took longer than {total:g} s (timeouts.total)", status=504, code="deadline")


def _too_large() -> GatewayError:
    return GatewayError(
        f"the answer is over {MOST_ANSWER_BYTES} bytes", status=502, code="answer_too_large", retryable=False
    )

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.priority import BATCH
from penstock.core.reply import Reply, Whole
from penstock.jobs.asking.service import Asking, Inside
from penstock.jobs.lines import read_line
from penstock.jobs.verdict import Answer
from tests.support.jobs import CHAT, job, jsonl, line


class Held:
    """How many are inside."""

    inside = 0

    def enter(self) -> None:
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1


def asked(run: Callable[[Exchange], Awaitable[Reply]], total: float = 5.0) -> tuple[Answer, Exchange]:
    seen: list[Exchange] = []
    held = Held()

    async def rooms(exchange: Exchange) -> Reply:
        seen.append(exchange)
        assert held.inside == 1
        return await run(exchange)

    async def main() -> Answer:
        inside = Inside(rooms, held, total, lambda upstream: (1e-6, 2e-6))
        asking = Asking(lambda: inside, lambda: "req_1", asyncio.get_running_loop().time)
        answer = await asking.ask(job(weight=3.0), read_line(jsonl(line(4)), 9, CHAT))
        assert (asking.in_flight, held.inside) == (0, 0)
        return answer

    return asyncio.run(main()), seen[0]


def test_a_line_is_a_call_of_its_keys() -> None:
    taps: list[bytes] = []

    async def run(exchange: Exchange) -> Reply:
        exchange.upstream, exchange.tokens_in, exchange.tokens_out = "u", 10, 5
        reply = Reply(200, [], Whole(b'{"a"', b":1}"))
        reply.taps.append(taps.append)
        return reply

    answer, exchange = asked(run)
    assert (answer.status, answer.body, answer.request_id, answer.micro_dollars) == (200, b'{"a":1}', "req_1", 20)
    assert (exchange.key, exchange.scope, exchange.priority, exchange.weight) == ("k", "k", BATCH, 3.0)
    assert exchange.body.complete == jsonl(line(4)["body"]).strip()
    assert exchange.call.header(b"idempotency-key") == b"batch_pen_00000001-9"
    assert (exchange.outcome, exchange.status, exchange.bytes_out, taps) == ("ok", 200, 7, [b'{"a":1}'])


@pytest.mark.parametrize(
    ("raised", "status", "retryable"),
    [
        (CallerError("no", status=404), 404, False),
        (UpstreamError("away", retry_after=3.0), 502, True),
        (RuntimeError("a defect"), 500, True),
    ],
)
def test_what_rooms_raise_is_an_answer(raised: Exception, status: int, retryable: bool) -> None:
    async def run(exchange: Exchange) -> Reply:
        raise raised

    answer, exchange = asked(run)
    assert (answer.status, answer.retryable, exchange.outcome) == (status, retryable, "error")
    assert b'"error"' in answer.body


def test_one_that_takes_too_long_ends() -> None:
    async def run(exchange: Exchange) -> Reply:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    answer, exchange = asked(run, total=0.01)
    assert (answer.status, answer.verdict, exchange.outcome) == (504, "again", "error")


def test_cancelled_it_leaves_nothing_behind() -> None:
    seen: list[Exchange] = []

    async def main() -> None:
        async def rooms(exchange: Exchange) -> Any:
            seen.append(exchange)
            await asyncio.get_running_loop().create_future()

        held = Held()
        inside = Inside(rooms, held, 5.0, lambda upstream: (0.0, 0.0))
        asking = Asking(lambda: inside, lambda: "r", asyncio.get_running_loop().time)
        task = asyncio.create_task(asking.ask(job(), read_line(jsonl(line(4)), 1, CHAT)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (asking.in_flight, held.inside, seen[0].outcome) == (0, 0, "left")

    asyncio.run(main())

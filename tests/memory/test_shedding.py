"""A full gateway over a real socket: it refuses before it reads, and the caller sees why."""

import asyncio
import json

from penstock.process.loop import run
from tests.support.gateway import ECHO, ask, parse_answers, raw, request, running_gateway

SMALL = ECHO + "memory: {bodies: 1MiB, retry_after: 3s}\n"
CHAT = "/v1/chat/completions"


def body_of(size: int) -> bytes:
    start = b'{"model":"echo","messages":[{"role":"user","content":"'
    return start + b"x" * (size - len(start) - 5) + b'"}]} '


def test_a_body_that_does_not_fit_is_refused_with_a_time_to_come_back() -> None:
    async def main() -> None:
        async with running_gateway(SMALL) as gateway:
            data = request("POST", CHAT, [gateway.bearer], body_of(2 << 20))
            (answer,) = parse_answers(await raw(gateway.port, data))
            assert answer.status == 503
            assert answer.headers["retry-after"] == "3"
            assert answer.headers["x-should-retry"] == "true"
            assert answer.json()["error"]["code"] == "gateway_overloaded"
            account = gateway.gateway.ledger.accounts["bodies"]
            assert (account.held, account.refused) == (0, 1)
            small = {"model": "echo", "messages": [{"role": "user", "content": "still here"}]}
            assert (await ask(gateway.port, "POST", CHAT, [gateway.bearer], small)).status == 200
            assert account.held == 0

    run(main())


def test_a_stranger_costs_no_bytes() -> None:
    async def main() -> None:
        async with running_gateway(SMALL) as gateway:
            data = request("POST", CHAT, [("Authorization", "Bearer sk-wrong")], body_of(900_000))
            (answer,) = parse_answers(await raw(gateway.port, data))
            assert answer.status == 401
            account = gateway.gateway.ledger.accounts["bodies"]
            assert (account.peak, account.refused) == (0, 0)

    run(main())


def test_bodies_that_fit_one_by_one_wait_for_nobody_and_all_bytes_come_back() -> None:
    async def main() -> None:
        async with running_gateway(SMALL) as gateway:
            sent = request("POST", CHAT, [gateway.bearer], body_of(300_000))
            got = await asyncio.gather(*(raw(gateway.port, sent) for _ in range(8)))
            statuses = [parse_answers(one)[0].status for one in got]
            assert set(statuses) <= {200, 503}
            assert 200 in statuses
            account = gateway.gateway.ledger.accounts["bodies"]
            assert account.held == 0
            assert account.peak <= 1 << 20

    run(main())


def test_the_limit_holds_for_a_body_that_comes_in_one_piece() -> None:
    async def main() -> None:
        async with running_gateway(ECHO + "listen: {max_body: 4KiB}\n") as gateway:
            for size, status in ((4096, 200), (4097, 413), (300_000, 413)):
                data = request("POST", CHAT, [gateway.bearer], body_of(size))
                (answer,) = parse_answers(await raw(gateway.port, data))
                assert answer.status == status, size
                if status == 413:
                    assert "4096" in json.dumps(answer.json())

    run(main())

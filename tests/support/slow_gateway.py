"""A whole gateway before an upstream of two seats whose calls last until the test lets them end.

async with serving() as (gateway, slow, up):
    calls = await fill(gateway, slow)
    calls += await queue(gateway, ("a", "low"), ("b", "high"))
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.support.gateway import Running, ask, running_gateway
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.slow_upstream import SlowUpstream
from tests.support.sockets import Answer

CHAT = "/v1/chat/completions"
CONFIG = """
{auth}
scrape: {{enabled: false}}
health: {{probes: "off"}}
cache: {{exact: {{enabled: false}}}}
coalesce: {{enabled: false}}
upstreams: {{up: {{kind: vllm, base_url: "{url}"{limit}}}}}
models: {{m: {{upstreams: [up]}}}}
"""
OPEN = "auth: {mode: open}"
TWO = ", max_in_flight: 2"


def config(up: ScriptedUpstream, more: str = "", limit: str = TWO, auth: str = OPEN) -> str:
    return CONFIG.format(url=up.url, limit=limit, auth=auth) + more


@contextlib.asynccontextmanager
async def serving(
    more: str = "", limit: str = TWO, auth: str = OPEN, *, first: bool = False
) -> AsyncIterator[tuple[Running, SlowUpstream, ScriptedUpstream]]:
    slow = SlowUpstream(first=first)
    with ScriptedUpstream() as up:
        up.answers[CHAT] = slow
        async with running_gateway(config(up, more, limit, auth)) as gateway:
            try:
                yield gateway, slow, up
            finally:
                slow.freely.set()


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.005)


def body(said: str, stream: bool = False) -> dict[str, Any]:
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": said}]}


def chat(
    gateway: Running, said: str, priority: str = "normal", *fields: tuple[str, str], stream: bool = False
) -> asyncio.Future[Answer]:
    headers = [("x-penstock-priority", priority), *fields]
    return asyncio.ensure_future(ask(gateway.port, "POST", CHAT, headers, body(said, stream), within=60))


def numbers(gateway: Running) -> dict[str, Any]:
    made = gateway.gateway.admitting
    assert made is not None
    return made.dump()


def waiting(gateway: Running, where: str = "upstream") -> int:
    return sum(numbers(gateway)["queues"][where]["waiting"].values())


async def fill(gateway: Running, slow: SlowUpstream, priority: str = "normal", count: int = 2) -> list[Any]:
    """Take ``count`` seats."""
    calls = []
    for number in range(count):
        calls.append(chat(gateway, f"first {number}", priority))
        await until(lambda: len(slow.calls) == len(calls))
    return calls


async def queue(gateway: Running, *wanted: tuple[str, str], where: str = "upstream") -> list[Any]:
    """Calls that wait, one after the other: what each says, its class."""
    calls = []
    for said, priority in wanted:
        before = waiting(gateway, where)
        calls.append(chat(gateway, said, priority))
        await until(lambda: waiting(gateway, where) == before + 1)  # noqa: B023 - awaited at once
    return calls


async def drained(slow: SlowUpstream, total: int) -> None:
    """Let calls end one at a time, until ``total`` have come."""
    for number in range(total):
        await until(lambda: len(slow.calls) > number)  # noqa: B023 - awaited at once
        came = min(number + 3, total)
        slow.calls[number].go.set()
        await until(lambda: len(slow.calls) >= came)  # noqa: B023 - as above


async def settled(gateway: Running) -> None:
    """Nothing is left: nobody waits, no seat is taken, no call in flight."""
    await until(lambda: not gateway.gateway.server.open)
    told = numbers(gateway)
    assert told["door"][0] == 0
    assert [taken for _, taken, _ in told["upstreams"]] == [0] * len(told["upstreams"])
    assert (waiting(gateway), waiting(gateway, "door")) == (0, 0)
    overload = gateway.gateway.overload
    assert (overload.in_flight, overload.waiting) == (0, 0)
    assert gateway.gateway.endpoint.generation.in_flight == 0


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert 1 <= int(answer.headers["retry-after"]) <= 180

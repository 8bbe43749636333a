"""Whoever leaves must not keep a GPU busy: a hang-up reaches the upstream at once, in every phase."""

import asyncio
import time

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.support.running_gateway import RunningGateway
from tests.support.scripted_upstream import Gone, Request, ScriptedUpstream

ASK = [{"role": "user", "content": "one two three"}]


def test_abort_reaches_the_upstream_at_once(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Three tries: a busy machine may hold us up once, a gateway that does not pass it on is late each time."""
    with OpenAI(base_url=gateway.v1, api_key=gateway.key, max_retries=0, timeout=10) as client:
        assert min(_abort(client, upstream) for _ in range(3)) < 0.1


def _abort(client: OpenAI, upstream: ScriptedUpstream) -> float:
    gone = upstream.answers["/v1/chat/completions"] = Gone()
    stream = client.chat.completions.create(model="scripted", messages=ASK, stream=True)
    next(iter(stream))
    left = time.perf_counter()
    stream.close()
    assert gone.seen.wait(5)
    return gone.at - left


def test_abort_asyncio(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    assert min(asyncio.run(_cancel(gateway, upstream)) for _ in range(3)) < 0.1


async def _cancel(gateway: RunningGateway, upstream: ScriptedUpstream) -> float:
    gone = upstream.answers["/v1/chat/completions"] = Gone()
    begun = asyncio.Event()

    async def read(client: AsyncOpenAI) -> None:
        async with await client.chat.completions.create(model="scripted", messages=ASK, stream=True) as stream:
            async for _ in stream:
                begun.set()

    async with AsyncOpenAI(base_url=gateway.v1, api_key=gateway.key, max_retries=0, timeout=10) as client:
        reading = asyncio.create_task(read(client))
        await begun.wait()
        left = time.perf_counter()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(gone.seen.wait, 5)
    return gone.at - left


def test_abort_before_the_first_token(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """The upstream has the request and is silent: hanging up reaches it all the same."""
    gone = Gone()

    def silent(connection: object, request: Request) -> None:
        assert connection.recv(1) == b""
        gone.at = time.perf_counter()
        gone.seen.set()

    upstream.answers["/v1/chat/completions"] = silent
    with OpenAI(base_url=gateway.v1, api_key=gateway.key, max_retries=0, timeout=0.3) as hasty:
        with pytest.raises(openai.APITimeoutError):
            hasty.chat.completions.create(model="scripted", messages=ASK)
    assert gone.seen.wait(5)

"""A whole gateway that batches, before an upstream that takes lists."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.support.gateway import Running, ask, running_gateway
from tests.support.list_upstream import Lists, vector
from tests.support.sockets import Answer

CONFIG = """
auth: {{mode: open}}
scrape: {{enabled: false}}
health: {{probes: "off"}}
retries: {{max: 0}}
store: memory
upstreams: {{up: {{kind: vllm, base_url: "{url}"}}}}
models: {{m: {{upstreams: [up]}}}}
batching: {{enabled: true, max_wait: 10s{more}}}
"""


@contextlib.asynccontextmanager
async def serving(upstream: Lists | None = None, more: str = "") -> AsyncIterator[tuple[Running, Lists]]:
    with upstream or Lists() as up:
        async with running_gateway(CONFIG.format(url=up.url, more=more)) as gateway:
            yield gateway, up


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.002)


def embed(gateway: Running, given: Any, **fields: Any) -> Any:
    body = json.dumps({"model": "m", "input": given, **fields}).encode()
    return ask(gateway.port, "POST", "/v1/embeddings", [("Content-Type", "application/json")], body)


def vectors(answer: Answer) -> list[list[float]]:
    assert answer.status == 200, answer.body
    data = answer.json()["data"]
    assert [one["index"] for one in data] == list(range(len(data)))
    return [one["embedding"] for one in data]


def counts(gateway: Running) -> dict[str, Any]:
    made = gateway.gateway.merging
    assert made is not None
    return made.dump()


async def together(gateway: Running, upstream: Lists, calls: list[Any], first: str = "first") -> list[Answer]:
    """One call occupies the upstream; the others gather meanwhile, then it goes on."""
    upstream.go.clear()
    before = len(upstream.sizes)
    lead = asyncio.create_task(embed(gateway, first))
    await until(lambda: len(upstream.sizes) == before + 1)
    tasks = [asyncio.create_task(call) for call in calls]
    await until(lambda: counts(gateway)["waiting"] == len(calls))
    upstream.go.set()
    answers = [await task for task in tasks]
    assert vectors(await lead) == [vector(first)]
    return answers

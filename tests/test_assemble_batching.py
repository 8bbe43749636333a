"""Calls of several callers through a whole gateway, on real sockets."""

import asyncio
import base64
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

from tests.support.gateway import Running, ask, running_gateway
from tests.support.list_upstream import POISON, Lists, vector
from tests.support.sockets import Answer

CONFIG = """
auth: {{mode: open}}
scrape: {{enabled: false}}
health: {{probes: "off"}}
retries: {{max: 0}}
store: memory
upstreams: {{up: {{kind: vllm, base_url: "{url}"}}}}
models: {{m: {{upstreams: [up]}}}}
batching: {{enabled: true, max_wait: 2s{more}}}
"""


@contextlib.asynccontextmanager
async def serving(upstream: Lists | None = None, more: str = "") -> AsyncIterator[tuple[Running, Lists]]:
    with upstream or Lists() as up:
        async with running_gateway(CONFIG.format(url=up.url, more=more)) as gateway:
            yield gateway, up


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
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
    lead = asyncio.create_task(embed(gateway, first))
    await until(lambda: len(upstream.sizes) == 1)
    tasks = [asyncio.create_task(call) for call in calls]
    await until(lambda: counts(gateway)["waiting"] == len(calls))
    upstream.go.set()
    answers = [await task for task in tasks]
    assert vectors(await lead) == [vector(first)]
    return answers


def test_calls_go_as_one_and_each_gets_its_own() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            texts = [f"text {number} " + "x " * number for number in range(8)]
            answers = await together(gateway, upstream, [embed(gateway, text) for text in texts])
            assert upstream.sizes == [1, 8]
            for text, answer in zip(texts, answers, strict=True):
                assert vectors(answer) == [vector(text)]
                assert "; size=8; wait=" in answer.headers["x-penstock-batch"]
                assert answer.headers["x-penstock-upstream"] == "up"
                assert answer.headers["x-penstock-attempts"] == "1"
            used = sum(answer.json()["usage"]["prompt_tokens"] for answer in answers)
            assert used == sum(len(text.split()) for text in texts)
            assert gateway.gateway.ledger.accounts["batches"].held == 0
            assert counts(gateway)["spared"] == 7

    asyncio.run(main())


def test_lists_of_several_lengths_and_both_encodings() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            lists = [["a", "b b"], "c", ["d", "e", "f"]]
            answers = await together(
                gateway, upstream, [embed(gateway, given, encoding_format="base64") for given in lists]
            )
            assert upstream.sizes == [1, 6]
            for given, answer in zip(lists, answers, strict=True):
                found = [list(struct.unpack("<3f", base64.b64decode(one))) for one in vectors(answer)]  # type: ignore[arg-type]
                assert found == [vector(item) for item in ([given] if isinstance(given, str) else given)]

    asyncio.run(main())


def test_one_bad_item_fails_alone_and_nobody_sees_anothers_words() -> None:
    async def main() -> None:
        async with serving(more=", max_items: 100") as (gateway, upstream):
            texts = [f"secret{number}" for number in range(63)]
            texts[17] = POISON
            answers = await together(gateway, upstream, [embed(gateway, text) for text in texts])
            for at, (text, answer) in enumerate(zip(texts, answers, strict=True)):
                if at == 17:
                    assert answer.status == 400
                    assert POISON.encode() in answer.body
                    assert b"secret" not in answer.body
                else:
                    assert vectors(answer) == [vector(text)]
            found = counts(gateway)
            assert found["splits"] <= 6
            assert found["rejected"] == 1

    asyncio.run(main())

"""Calls of several callers through a whole gateway, on real sockets."""

import asyncio
import base64
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from tests.support.batched_gateway import CONFIG, counts, embed, serving, together, until, vectors
from tests.support.gateway import ask, running_gateway
from tests.support.list_upstream import Lists, vector
from tests.support.sockets import Answer


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


def test_the_real_client_from_many_threads() -> None:
    texts = [f"text {number}" for number in range(60)]

    async def main() -> None:
        async with serving(Lists(0.01, 0.0005), more=", max_items: 64") as (gateway, upstream):

            def one(text: str) -> Any:
                with openai.OpenAI(base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key="x", timeout=60) as client:
                    return client.embeddings.create(model="m", input=[text, text + "!"])

            with ThreadPoolExecutor(20) as pool:
                loop = asyncio.get_running_loop()
                upstream.go.clear()  # until some wait beside the first
                asked = [loop.run_in_executor(pool, one, text) for text in texts]
                await until(lambda: counts(gateway)["waiting"] >= 2)
                upstream.go.set()
                answers = await asyncio.gather(*asked)
            for text, answer in zip(texts, answers, strict=True):
                assert [row.embedding for row in answer.data] == [vector(text), vector(text + "!")]
                assert answer.usage.prompt_tokens >= 1
            assert len(upstream.sizes) < len(texts)
            assert sum(upstream.sizes) == 2 * len(texts)

    asyncio.run(main())


def test_completions_moderations_and_rerank() -> None:
    async def main() -> None:
        async with serving(more=", operations: {rerank: {enabled: true}}") as (gateway, upstream):

            async def post(name: str, **body: Any) -> Answer:
                text = json.dumps({"model": "m", **body}).encode()
                return await ask(gateway.port, "POST", f"/v1/{name}", [("Content-Type", "application/json")], text)

            upstream.go.clear()
            leads = [
                asyncio.create_task(call)
                for call in (
                    post("completions", prompt="lead"),
                    post("moderations", input="lead"),
                    post("rerank", query="q", documents=["lead"]),
                )
            ]
            await until(lambda: len(upstream.sizes) == 3)
            tasks = [
                asyncio.create_task(call)
                for call in (
                    post("completions", prompt="a", n=1),
                    post("completions", prompt=["b", "c"], n=1),
                    post("moderations", input="bad a"),
                    post("moderations", input=["b", "bad c"]),
                    post("rerank", query="q", documents=["b", "a"], top_n=1),
                    post("rerank", query="q", documents=["c"]),
                )
            ]
            await until(lambda: counts(gateway)["waiting"] == 6)
            upstream.go.set()
            await asyncio.gather(*leads)
            answers = [(await task).json() for task in tasks]
            assert [choice["text"] for choice in answers[0]["choices"]] == ["a!0"]
            assert [choice["text"] for choice in answers[1]["choices"]] == ["b!0", "c!0"]
            assert [row["flagged"] for row in answers[2]["results"]] == [True]
            assert [row["flagged"] for row in answers[3]["results"]] == [False, True]
            assert [row["index"] for row in answers[4]["results"]] == [0]
            assert [row["document"]["text"] for row in answers[5]["results"]] == ["c"]
            assert sorted(upstream.sizes) == [1, 1, 1, 3, 3, 3]

    asyncio.run(main())


def test_what_is_kept_of_an_answer_is_the_callers_own() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            caching = gateway.gateway.caching
            assert caching is not None
            await until(lambda: caching.dump()["ready"])
            texts = ["a", "b b", "c c c"]
            answers = await together(gateway, upstream, [embed(gateway, text) for text in texts])
            sizes = list(upstream.sizes)
            for text, answer in zip(texts, answers, strict=True):
                again = await embed(gateway, text)
                assert again.headers["x-penstock-cache"] == "hit-exact"
                assert "x-penstock-batch" not in again.headers
                assert again.body == answer.body
            assert upstream.sizes == sizes

    asyncio.run(main())


def test_equal_calls_are_one_item_and_all_are_told_of_the_batch() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            upstream.go.clear()
            lead = asyncio.create_task(embed(gateway, "lead"))
            await until(lambda: len(upstream.sizes) == 1)
            tasks = [asyncio.create_task(embed(gateway, text)) for text in ("a", "a", "b")]
            await until(lambda: counts(gateway)["waiting"] == 2)
            coalescing = gateway.gateway.coalescing
            assert coalescing is not None
            await until(lambda: coalescing.dump()["joined"] == 1)
            upstream.go.set()
            answers = [await task for task in tasks]
            await lead
            assert upstream.texts[1:] == [["a", "b"]]
            assert all("size=2" in answer.headers["x-penstock-batch"] for answer in answers)

    asyncio.run(main())


def test_metrics_and_the_admin_route_tell_of_it() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            await together(gateway, upstream, [embed(gateway, text) for text in "abc"])
            page = (await ask(gateway.port, "GET", "/metrics")).body.decode()
            assert 'penstock_batching_batches_total{operation="embeddings",outcome="ok"} 1' in page
            assert "penstock_batching_saved_calls_total 2" in page
            assert 'penstock_batching_fixed_seconds{operation="embeddings",model="m"}' in page
            assert 'penstock_account_bytes{account="batches"} 0' in page
            told = (await ask(gateway.port, "GET", "/admin/v1/batching")).json()
            assert told["workers"][0]["spared"] == 2
            assert told["workers"][0]["learned"][0]["model"] == "m"

    asyncio.run(main())


def test_off_it_leaves_nothing() -> None:
    async def main() -> None:
        with Lists() as up:
            config = CONFIG.format(url=up.url, more="").replace("enabled: true", "enabled: false")
            async with running_gateway(config) as gateway:
                answers = await asyncio.gather(*(embed(gateway, text) for text in "abc"))
                assert all("x-penstock-batch" not in answer.headers for answer in answers)
                assert up.sizes == [1, 1, 1]
                assert "batches" not in gateway.gateway.ledger.accounts

    asyncio.run(main())

"""What callers meet when something goes wrong with a batch, on real sockets."""

import asyncio
import json

from tests.support.batched_gateway import CONFIG, counts, embed, serving, together, until, vectors
from tests.support.gateway import ask, running_gateway
from tests.support.list_upstream import POISON, Lists, vector


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


def test_callers_who_hang_up_hold_nobody() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            upstream.go.clear()
            lead = asyncio.create_task(embed(gateway, "lead"))
            await until(lambda: len(upstream.sizes) == 1)
            tasks = [asyncio.create_task(embed(gateway, text)) for text in ("a", "b", "c")]
            await until(lambda: counts(gateway)["waiting"] == 3)
            tasks[0].cancel()
            await until(lambda: counts(gateway)["waiting"] == 2)
            upstream.go.set()
            assert vectors(await tasks[1]) == [vector("b")]
            assert vectors(await tasks[2]) == [vector("c")]
            await lead
            assert upstream.texts[1] == ["b", "c"]

    asyncio.run(main())


def test_when_the_last_hangs_up_the_call_ends() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            upstream.go.clear()
            lead = asyncio.create_task(embed(gateway, "lead"))
            await until(lambda: len(upstream.sizes) == 1)
            tasks = [asyncio.create_task(embed(gateway, text)) for text in ("d", "e")]
            await until(lambda: counts(gateway)["waiting"] == 2)
            lead.cancel()
            await until(lambda: len(upstream.sizes) == 2)  # what was free is used
            for task in tasks:
                task.cancel()
            await until(lambda: ["embeddings", "left", 1] in counts(gateway)["batches"])
            upstream.go.set()
            await until(lambda: gateway.gateway.ledger.accounts["batches"].held == 0)

    asyncio.run(main())


def test_a_hanging_upstream_costs_each_caller_its_own_deadline() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            upstream.go.clear()
            lead = asyncio.create_task(embed(gateway, "lead"))
            await until(lambda: len(upstream.sizes) == 1)
            body = json.dumps({"model": "m", "input": "hurry"}).encode()
            fields = [("Content-Type", "application/json"), ("x-penstock-deadline-ms", "300")]
            late = await ask(gateway.port, "POST", "/v1/embeddings", fields, body)
            assert late.status == 504
            upstream.go.set()
            assert vectors(await lead) == [vector("lead")]

    asyncio.run(main())


def test_a_busy_upstream_is_asked_again_whole_and_what_stays_is_told_to_all() -> None:
    async def main() -> None:
        with Lists() as up:
            config = CONFIG.format(url=up.url, more="").replace("retries: {max: 0}", "retries: {max: 1}")
            async with running_gateway(config) as gateway:
                up.status = [429]
                answers = await together(gateway, up, [embed(gateway, text) for text in "abc"])
                assert [vectors(answer) for answer in answers] == [[vector(text)] for text in "abc"]
                assert up.sizes == [1, 3, 3]
                assert {answer.headers["x-penstock-attempts"] for answer in answers} == {"2"}
                page = (await ask(gateway.port, "GET", "/metrics")).body.decode()
                assert 'penstock_retries_total{kind="rate_limited",upstream="up"} 1' in page
        async with serving() as (gateway, up):
            up.status = [429]
            answers = await together(gateway, up, [embed(gateway, text) for text in "abc"])
            assert [answer.status for answer in answers] == [429] * 3
            told = "upstream 'up' answered 429 to a call of 3 callers together"
            assert all(answer.json()["error"]["message"].startswith(told) for answer in answers)
            assert counts(gateway)["splits"] == 0

    asyncio.run(main())


def test_a_reload_while_calls_wait() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            upstream.go.clear()
            lead = asyncio.create_task(embed(gateway, "lead"))
            await until(lambda: len(upstream.sizes) == 1)
            tasks = [asyncio.create_task(embed(gateway, text)) for text in ("a", "b")]
            await until(lambda: counts(gateway)["waiting"] == 2)
            text = gateway.path.read_text().replace("batching: {enabled: true", "batching: {enabled: false")
            gateway.path.write_text(text)
            assert (await gateway.team.reload())["ok"]
            alone = asyncio.create_task(embed(gateway, "alone"))
            await until(lambda: len(upstream.sizes) == 2)
            upstream.go.set()
            for given, task in (("a", tasks[0]), ("b", tasks[1]), ("lead", lead), ("alone", alone)):
                assert vectors(await task) == [vector(given)]
            assert upstream.texts[2] == ["a", "b"]

    asyncio.run(main())

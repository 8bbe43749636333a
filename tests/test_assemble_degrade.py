"""Calls that are given less, through a whole gateway on real sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from penstock.assemble_degrade import degradation
from penstock.core.overload import Overload, Pressure
from tests.support.gateway import Running, running_gateway
from tests.support.gateway import ask as ask_port
from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream
from tests.support.sockets import Answer as Told

CHAT = "/v1/chat/completions"
CONFIG = """
auth: {{mode: open}}
store: memory
scrape: {{enabled: false}}
health: {{probes: "off"}}
upstreams: {{up: {{kind: vllm, base_url: "{url}"}}}}
models:
  big: {{upstreams: [up]}}
  mini: {{upstreams: [up], capabilities: {{vision: false}}}}
degrade:
  steps:
    - {{at: 1.0, hold: 0s, max_tokens: 64}}
    - {{at: 1.0, hold: 0s, cache_ttl: 2h}}
    - {{at: 2.0, hold: 0s, model: mini, classes: [normal]}}
"""


def answer_as_asked(connection: Any, asked: Request) -> None:
    body = json.loads(asked.body)
    told = {
        "id": "c", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }  # fmt: skip
    answer = Answer(body=json.dumps(told).encode())
    connection.sendall(answer.head() + answer.body)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Running, ScriptedUpstream]]:
    with ScriptedUpstream() as upstream:
        upstream.answers[CHAT] = answer_as_asked
        async with running_gateway(CONFIG.format(url=upstream.url)) as gateway:
            caching = gateway.gateway.caching
            assert caching is not None
            async with asyncio.timeout(20):
                while not caching.dump()["ready"]:  # noqa: ASYNC110 - has no event of its own
                    await asyncio.sleep(0.005)
            yield gateway, upstream


async def ask(gateway: Running, text: str = "hi", *headers: tuple[str, str], **fields: Any) -> Told:
    body = {"model": "big", "temperature": 0, "messages": [{"role": "user", "content": text}], **fields}
    return await ask_port(gateway.port, "POST", CHAT, headers, body)


def full(gateway: Running, load: float) -> None:
    overload = gateway.gateway.overload
    overload.waiting = int(load * overload.limit) - overload.in_flight


def test_under_load_answers_are_shorter_and_of_a_smaller_model_and_are_not_kept() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            full(gateway, 2.5)
            first = await ask(gateway)
            assert first.headers["x-penstock-degraded"] == "max_tokens=64, model=mini"
            assert first.headers["x-penstock-model"] == "mini"
            sent = json.loads(upstream.requests[-1].body)
            assert (sent["model"], sent["max_tokens"]) == ("mini", 64)
            full(gateway, 0)
            then = await ask(gateway)
            assert "x-penstock-degraded" not in then.headers
            assert (then.headers["x-penstock-cache"], then.headers["x-penstock-model"]) == ("miss", "big")
            assert "max_tokens" not in json.loads(upstream.requests[-1].body)
            full(gateway, 2.5)
            kept = await ask(gateway)  # a whole answer that is kept is better than a short one that is made
            assert kept.headers["x-penstock-cache"] == "hit-exact"
            assert "x-penstock-degraded" not in kept.headers
            dump = gateway.gateway.dump()["degrade"]
            assert dump["calls"] == [["max_tokens", "normal", 1], ["model", "normal", 1]]
            assert dump["on"] == [1, 2, 3]

    asyncio.run(main())


def test_a_call_that_the_smaller_model_cannot_take_stays_with_its_own() -> None:
    async def main() -> None:
        async with serving() as (gateway, _):
            full(gateway, 2.5)
            image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
            told = await ask(gateway, messages=[{"role": "user", "content": [image]}])
            assert told.headers["x-penstock-degraded"] == "max_tokens=64"
            whole = await ask(gateway, "another", ("x-penstock-degrade", "no"))
            assert "x-penstock-degraded" not in whole.headers

    asyncio.run(main())


def test_an_answer_whose_time_is_over_is_told_under_load_only() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            caching = gateway.gateway.caching
            assert caching is not None
            await ask(gateway)
            (entry,) = caching.shelf.directory
            entry.created -= 5000
            entry.expires -= 5000
            full(gateway, 1.5)
            stale = await ask(gateway)
            assert stale.headers["x-penstock-degraded"] == "cache_stale"
            assert stale.headers["x-penstock-cache"] == "hit-exact"
            assert len(upstream.requests) == 1
            full(gateway, 0)
            fresh = await ask(gateway)
            assert fresh.headers["x-penstock-cache"] == "miss"
            assert len(upstream.requests) == 2
            full(gateway, 1.5)
            told = await ask(gateway)
            assert "x-penstock-degraded" not in told.headers  # what came in its place is whole

    asyncio.run(main())


def test_equal_calls_of_which_one_is_given_less_share_nothing() -> None:
    async def main() -> None:
        async with serving() as (gateway, upstream):
            gate = asyncio.Event()
            loop = asyncio.get_running_loop()

            def slow(connection: Any, asked: Request) -> None:
                asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(40)
                answer_as_asked(connection, asked)

            upstream.answers[CHAT] = slow
            first = asyncio.ensure_future(ask(gateway))
            await asked(upstream, 1)
            full(gateway, 1.5)
            second = asyncio.ensure_future(ask(gateway))
            await asked(upstream, 2)
            gate.set()
            whole, short = await asyncio.gather(first, second)
            assert "x-penstock-degraded" not in whole.headers
            assert short.headers["x-penstock-degraded"] == "max_tokens=64"

    asyncio.run(main())


async def asked(upstream: ScriptedUpstream, number: int) -> None:
    async with asyncio.timeout(20):
        while len(upstream.requests) < number:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.005)


def test_without_steps_there_are_no_rooms() -> None:
    async def main() -> None:
        async with running_gateway() as gateway:
            part = gateway.gateway.degrading
            assert part is not None
            assert part.oldest(gateway.gateway.config) == 0.0
            assert part.dump()["steps"] == 0

    asyncio.run(main())
    assert degradation(Overload(1), Pressure(), lambda: 0.0) is not None

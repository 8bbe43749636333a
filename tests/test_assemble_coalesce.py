"""Herds of equal calls through a whole gateway, on real sockets."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.config import Config
from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, Running, ask, running_gateway
from tests.support.herd_upstream import TEXT, WORDS, Herd
from tests.support.scripted_upstream import Gone, ScriptedUpstream
from tests.support.sockets import Answer, request

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "count"}]}
STREAM = BODY | {"stream": True}
CONFIG = """
auth: {{mode: open}}
scrape: {{enabled: false}}
health: {{probes: "off"}}
upstreams: {{up: {{kind: vllm, base_url: "{url}"}}}}
models: {{m: {{upstreams: [up]}}}}
"""


@contextlib.asynccontextmanager
async def serving(behaviour: Any, more: str = "") -> AsyncIterator[tuple[Running, ScriptedUpstream]]:
    with ScriptedUpstream() as upstream:
        upstream.answers[CHAT] = behaviour
        async with running_gateway(CONFIG.format(url=upstream.url) + more) as gateway:
            caching = gateway.gateway.caching
            assert caching is not None
            await until(lambda: caching.dump()["ready"])  # from then on it is the cache that tells equal calls
            yield gateway, upstream


async def until(condition: Any) -> None:
    async with asyncio.timeout(40):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.005)


def numbers(gateway: Running) -> dict[str, Any]:
    made = gateway.gateway.coalescing
    assert made is not None
    return made.dump()


def text_of(answer: Answer) -> str:
    assert answer.status == 200
    if answer.headers["content-type"].startswith("application/json"):
        return str(answer.json()["choices"][0]["message"]["content"])
    lines = [line[6:] for line in answer.body.splitlines() if line.startswith(b"data: {")]
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def settled(gateway: Running) -> None:
    """Nothing is left: no flight, no byte, no call in flight."""
    await until(lambda: not gateway.gateway.server.open)
    assert (numbers(gateway)["flights"], numbers(gateway)["readers"]) == (0, 0)
    accounts = gateway.gateway.ledger.accounts
    assert {name: account.held for name, account in accounts.items() if account.held and name != "cache"} == {}
    assert gateway.gateway.endpoint.generation.in_flight == 0


@pytest.mark.parametrize(("leader", "dies"), [(STREAM, False), (BODY, False), (STREAM, True)])
def test_a_herd_of_which_half_wants_a_stream_is_one_call(dies: bool, leader: dict[str, Any]) -> None:
    count = 500

    async def main() -> None:
        herd = Herd(dies=dies)
        async with serving(herd) as (gateway, upstream):
            first = asyncio.ensure_future(ask(gateway.port, "POST", CHAT, (), leader, within=90))
            await asyncio.to_thread(herd.half.wait, 40)
            descriptors = len(os.listdir("/proc/self/fd"))
            tasks = [
                asyncio.ensure_future(ask(gateway.port, "POST", CHAT, (), STREAM if number % 2 else BODY, within=90))
                for number in range(count - 1)
            ]
            await until(lambda: numbers(gateway)["joined"] == count - 1)
            herd.go.set()
            answers = [await first, *await asyncio.gather(*tasks)]
            assert {text_of(answer) for answer in answers} == {TEXT}
            assert all(answer.whole for answer in answers)
            assert all(b"[DONE]" in answer.body for answer in answers if b"chunk" in answer.body)
            assert len({answer.headers["x-request-id"] for answer in answers}) == count
            assert sum(answer.headers.get("x-penstock-cache") == "coalesced" for answer in answers) == count - 1
            assert len(upstream.requests) == 1 + dies
            await settled(gateway)
            page = await gateway.team.metrics()
            assert f'penstock_coalesce_calls_total{{result="saved"}} {count - 1}\n' in page
            assert f'penstock_tokens_total{{model="m",upstream="up",kind="completion"}} {WORDS}\n' in page or dies
            if dies:
                rescued = [line for line in page.splitlines() if line.startswith("penstock_rescues_total")]
                assert [line.rpartition(" ")[2] for line in rescued] == ["1"]
            assert len(os.listdir("/proc/self/fd")) <= descriptors + 2

    run(main())


def test_the_last_that_leaves_ends_the_upstreams_work_at_once() -> None:
    async def main() -> None:
        gone = Gone()
        async with serving(gone) as (gateway, _):
            readers = []
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(request("POST", CHAT, [("Content-Type", "application/json")], json.dumps(STREAM).encode()))
                assert await reader.readuntil(b"\n\n")
                readers.append(writer)
            for writer in readers[:2]:
                writer.close()
            await until(lambda: numbers(gateway)["readers"] == 1)
            assert not gone.seen.is_set()
            left = time.perf_counter()
            readers[2].close()
            assert await asyncio.to_thread(gone.seen.wait, 20)
            assert gone.at - left < 10  # how soon is judged in tests/faults: here, that no deadline ends it
            await settled(gateway)

    run(main())


def test_a_herd_that_fails_fails_once_and_each_hears_of_it_with_its_own_id() -> None:
    failing = "retries: {max: 0}\n"

    async def main() -> None:
        herd = Herd(dies=True)
        async with serving(herd, failing + "rescue: off\n") as (gateway, upstream):
            tasks = [asyncio.ensure_future(ask(gateway.port, "POST", CHAT, (), STREAM)) for _ in range(20)]
            await until(lambda: numbers(gateway)["joined"] == 19)
            await asyncio.to_thread(herd.half.wait, 40)
            herd.go.set()
            answers = await asyncio.gather(*tasks)
            for answer in answers:
                assert answer.headers["x-request-id"].encode() in answer.body
                assert b"[DONE]" not in answer.body
            assert len(upstream.requests) == 1
            await settled(gateway)

    run(main())


def test_kept_streams_share_a_flight_and_each_is_resumed_by_itself() -> None:
    async def main() -> None:
        herd = Herd()
        async with serving(herd) as (gateway, upstream):
            fields = [("x-penstock-resume", "true")]
            tasks = [asyncio.ensure_future(ask(gateway.port, "POST", CHAT, fields, STREAM)) for _ in range(3)]
            await until(lambda: numbers(gateway)["joined"] == 2)
            herd.go.set()
            answers = await asyncio.gather(*tasks)
            ids = {answer.headers["x-penstock-stream"] for answer in answers}
            assert len(ids) == 3
            for id in ids:
                again = await ask(gateway.port, "GET", f"/v1/streams/{id}")
                assert text_of(again) == TEXT
            assert len(upstream.requests) == 1
            assert sorted(answer.headers.get("x-penstock-cache", "") for answer in answers) == [
                "coalesced",
                "coalesced",
                "miss",
            ]

    run(main())


def test_a_reload_in_the_middle_leaves_the_flight_its_upstream() -> None:
    async def main() -> None:
        herd = Herd()
        async with serving(herd) as (gateway, upstream):
            tasks = [asyncio.ensure_future(ask(gateway.port, "POST", CHAT, (), STREAM)) for _ in range(3)]
            await asyncio.to_thread(herd.half.wait, 40)
            await until(lambda: numbers(gateway)["joined"] == 2)
            gateway.path.write_text(OPEN_ECHO)
            assert (await gateway.team.reload())["ok"]
            herd.go.set()
            assert {text_of(answer) for answer in await asyncio.gather(*tasks)} == {TEXT}
            assert len(upstream.requests) == 1
            await until(lambda: len(gateway.gateway._editions) == 1)

    run(main())


def test_draining_ends_every_reader_and_so_the_flight() -> None:
    async def main() -> None:
        gone = Gone()
        async with serving(gone) as (gateway, _):
            tasks = [asyncio.ensure_future(ask(gateway.port, "POST", CHAT, (), STREAM)) for _ in range(3)]
            await until(lambda: numbers(gateway)["readers"] == 3)
            await gateway.gateway.drain(0.2)
            for answer in await asyncio.gather(*tasks):
                assert b"gateway_stopping" in answer.body
            assert await asyncio.to_thread(gone.seen.wait, 20)
            await until(lambda: numbers(gateway)["flights"] == 0)

    run(main())


def test_the_room_is_left_out_while_switched_off_and_counts_survive_reloads() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            made = gateway.gateway.coalescing
            assert made is not None
            assert made.stage(gateway.gateway.config) is not None
            off = Config.parse(OPEN_ECHO + "coalesce: {enabled: false}\n", "c.yaml", os.environ)
            assert made.stage(off) is None
            assert (await ask(gateway.port, "POST", CHAT, (), BODY | {"model": "echo"})).status == 200
            gateway.path.write_text(OPEN_ECHO + "coalesce: {calls: all}\n")
            assert (await gateway.team.reload())["ok"]
            assert numbers(gateway)["led"] == 1
            assert 'penstock_coalesce_calls_total{result="led"} 1\n' in await gateway.team.metrics()

    run(main())


def test_the_upstream_is_asked_for_usage_and_each_caller_gets_it_as_it_asked() -> None:
    async def main() -> None:
        herd = Herd()
        async with serving(herd) as (gateway, upstream):
            counted = STREAM | {"stream_options": {"include_usage": True}}
            bodies = [STREAM, counted, BODY]
            tasks = [asyncio.ensure_future(ask(gateway.port, "POST", CHAT, (), body)) for body in bodies]
            await until(lambda: numbers(gateway)["joined"] == 2)
            herd.go.set()
            plain, told, whole = await asyncio.gather(*tasks)
            assert b'"usage"' not in plain.body
            assert b'"completion_tokens": 20' in told.body
            assert whole.json()["usage"]["completion_tokens"] == WORDS
            (request,) = upstream.requests
            assert json.loads(request.body)["stream_options"] == {"include_usage": True}

    run(main())

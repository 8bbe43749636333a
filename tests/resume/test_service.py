"""Streams that are continued, at whole gateways: in this process, and of two workers."""

import asyncio
import http.client
import json
import random
from pathlib import Path
from typing import Any

from penstock.process.loop import run
from tests.support.gateway import Running, ask, running_gateway
from tests.support.running_gateway import running_gateway as gateway_process
from tests.support.sockets import Answer, request

CONFIG = """
upstreams: {slow: {kind: echo, tokens_per_second: 200}}
models: {m: {upstreams: [slow]}}
"""
CHAT = "/v1/chat/completions"
WORDS = " ".join(str(number) for number in range(40))


def body(text: str = WORDS) -> dict[str, Any]:
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}


def at_gateway(act: Any, config: str = CONFIG) -> None:
    async def main() -> None:
        async with running_gateway(config) as gateway:
            await act(gateway)

    run(main())


async def chat(gateway: Running, *fields: tuple[str, str]) -> Answer:
    return await ask(gateway.port, "POST", CHAT, [gateway.bearer, ("x-penstock-resume", "true"), *fields], body())


async def resume(gateway: Running, id: str, after: int | None = None, method: str = "GET") -> Answer:
    fields = [gateway.bearer] if after is None else [gateway.bearer, ("Last-Event-ID", str(after))]
    return await ask(gateway.port, method, f"/v1/streams/{id}", fields)


async def cut(gateway: Running, data: bytes, most: int) -> tuple[bytes, bytes]:
    """Send a request, read ``most`` bytes of the answer's body, and break the connection. Head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    got = b""
    async with asyncio.timeout(5):
        while len(got) < most and (more := await reader.read(most - len(got))):
            got += more
    writer.transport.abort()
    return head, got


def unchunked(data: bytes) -> bytes:
    """The body as far as it arrived."""
    whole = b""
    while data:
        size, line_end, data = data.partition(b"\r\n")
        if not line_end:
            break
        whole += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return whole


def test_cut_at_random_bytes_the_joined_events_are_the_uncut_ones() -> None:
    async def act(gateway: Running) -> None:
        uncut = (await chat(gateway)).body
        fields = [gateway.bearer, ("x-penstock-resume", "true"), ("Content-Type", "application/json")]
        first = request("POST", CHAT, fields, json.dumps(body()).encode())
        for seed in range(12):
            chance = random.Random(seed)
            head, got = await cut(gateway, first, chance.randrange(1, 6000))
            id = head.partition(b"x-penstock-stream: ")[2].partition(b"\r\n")[0].decode()
            joined = unchunked(got).rpartition(b"\n\n")[0] + b"\n\n"
            joined = joined.lstrip(b"\n")
            for _ in range(chance.randrange(3)):
                again = [gateway.bearer, ("Last-Event-ID", str(joined.count(b"\nid: ")))]
                head, got = await cut(gateway, request("GET", f"/v1/streams/{id}", again), chance.randrange(1, 3000))
                joined += (unchunked(got).rpartition(b"\n\n")[0] + b"\n\n").lstrip(b"\n")
            rest = await resume(gateway, id, joined.count(b"\nid: "))
            assert rest.whole
            assert joined + rest.body == uncut
        numbers = gateway.gateway.dump()["resume"]
        assert (numbers["running"], numbers["opened"]) == (0, 13)

    at_gateway(act)


def test_only_the_key_that_began_it() -> None:
    async def act(gateway: Running) -> None:
        id = (await chat(gateway)).headers["x-penstock-stream"]
        assert (await resume(gateway, id)).status == 200
        assert (await ask(gateway.port, "GET", f"/v1/streams/{id}")).status == 401
        assert gateway.gateway.resumption is not None
        (kept,) = gateway.gateway.resumption.streams._kept.values()
        kept.key = "another"
        refused = await resume(gateway, id)
        assert (refused.status, refused.json()["error"]["code"]) == (404, "stream_not_found")
        for odd in ("", "stream_0x", "stream_0x" + "a" * 32, "x/y"):
            assert (await resume(gateway, odd)).status == 404

    at_gateway(act)


def test_a_stream_ended_by_its_caller_is_gone_and_so_is_its_upstream_call() -> None:
    async def act(gateway: Running) -> None:
        data = request("POST", CHAT, [gateway.bearer, ("x-penstock-resume", "true")], json.dumps(body()).encode())
        head, _ = await cut(gateway, data, 300)
        id = head.partition(b"x-penstock-stream: ")[2].partition(b"\r\n")[0].decode()
        assert gateway.gateway.dump()["resume"]["running"] == 1
        assert gateway.gateway.upstreams.numbers()["slow"][0] == 1
        assert (await resume(gateway, id, method="DELETE")).status == 204
        assert gateway.gateway.dump()["resume"]["running"] == 0
        assert gateway.gateway.upstreams.numbers()["slow"][0] == 0
        assert gateway.gateway.ledger.accounts["resume"].held == 0
        assert (await resume(gateway, id)).status == 404

    at_gateway(act)


def test_what_outlived_its_caller_is_counted_when_it_ends() -> None:
    async def act(gateway: Running) -> None:
        data = request("POST", CHAT, [gateway.bearer, ("x-penstock-resume", "true")], json.dumps(body()).encode())
        await cut(gateway, data, 300)
        observed = gateway.gateway.observed
        assert observed is not None
        async with asyncio.timeout(5):
            while len(observed.recent.rows(10)) < 2:  # noqa: ASYNC110 - no event of its own
                await asyncio.sleep(0.01)
        later, left = observed.recent.rows(10)
        assert (left["outcome"], left["tokens_out"]) == ("left", 40)
        assert (later["outcome"], later["tokens_out"], later["upstream"]) == ("ok", 40, "slow")

    at_gateway(act)


def test_switched_off_the_field_says_nothing() -> None:
    async def act(gateway: Running) -> None:
        got = await chat(gateway)
        assert got.status == 200
        assert "x-penstock-stream" not in got.headers
        assert b"id: 1" not in got.body

    at_gateway(act, CONFIG + "resume: {enabled: false}\n")


def test_bad_positions_and_methods_are_refused() -> None:
    async def act(gateway: Running) -> None:
        id = (await chat(gateway)).headers["x-penstock-stream"]
        for value in ("x", "9999"):
            got = await ask(gateway.port, "GET", f"/v1/streams/{id}", [gateway.bearer, ("Last-Event-ID", value)])
            assert (got.status, got.json()["error"]["code"]) == (400, "bad_event_id")
        assert (await resume(gateway, id, method="HEAD")).status == 405
        assert (await resume(gateway, id, method="POST")).status == 405

    at_gateway(act)


def test_any_worker_continues_a_stream_of_any_other(tmp_path: Path) -> None:
    with gateway_process(tmp_path, CONFIG, None, "--workers", "2") as gateway:
        fields = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}

        def send(method: str, path: str, payload: str | None = None, **more: str) -> tuple[Any, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
            connection.request(method, path, payload, fields | more)
            answer = connection.getresponse()
            got = answer, answer.read()
            connection.close()
            return got

        answer, uncut = send("POST", CHAT, json.dumps(body()), **{"x-penstock-resume": "true"})
        id = answer.headers["x-penstock-stream"]
        served: dict[str, bytes] = {}
        while len(served) < 2:  # the kernel spreads connections over the workers
            answer, rest = send("GET", f"/v1/streams/{id}", **{"Last-Event-ID": "3"})
            assert answer.status == 200
            served[answer.headers["x-request-id"].partition("x")[0]] = rest
        for rest in served.values():
            assert uncut.endswith(rest)
            assert rest.count(b"\nid: ") == uncut.count(b"\nid: ") - 3
        for _ in range(8):
            answer, _ = send("GET", f"/v1/streams/{id[:-4]}0000")
            assert answer.status == 404
        assert send("DELETE", f"/v1/streams/{id}")[0].status == 204
        assert {send("GET", f"/v1/streams/{id}")[0].status for _ in range(8)} == {404}

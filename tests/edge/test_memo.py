"""A keep-alive caller repeats its head byte for byte: what was derived from it counts no longer than it is true."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.assemble_keys import key_store
from penstock.observe import access_log
from tests.net.caller import Caller, calling
from tests.support.gateway import Answer, Running, parse_answers, running_gateway
from tests.support.scripted_upstream import Answer as Scripted
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.sockets import request

CHAT = "/v1/chat/completions"
ASKED = b'{"model":"m","messages":[]}'


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        scripted.answers[CHAT] = Scripted(body=b'{"id":"whole"}')
        yield scripted


def config(upstream: ScriptedUpstream, key: str = "sk-one", model: str = "m", more: str = "") -> str:
    return (
        f'upstreams: {{up: {{kind: openai, base_url: "{upstream.url}", api_key: {key}}}}}\n'
        f"models: {{{model}: {{upstreams: [up]}}}}\n{more}"
    )


async def again(caller: Caller, data: bytes) -> Answer:
    """Send ``data`` on the same connection; its answer."""
    caller.got = b""
    caller.send(data)
    async with asyncio.timeout(5):
        while True:
            assert await caller.more(), caller.got
            if b"\r\n\r\n" in caller.got and (answers := parse_answers(caller.got))[0].whole:
                return answers[0]


def play(upstream: ScriptedUpstream, scene: Any, more: str = "") -> None:
    async def main() -> None:
        async with running_gateway(config(upstream, more=more)) as gateway, calling(gateway.port) as caller:
            await scene(gateway, caller, request("POST", CHAT, [gateway.bearer], ASKED, keep=True))

    asyncio.run(main())


def test_a_revoked_key_ends_on_its_open_connection(upstream: ScriptedUpstream) -> None:
    async def scene(gateway: Running, caller: Caller, asking: bytes) -> None:
        for _ in range(2):
            assert (await again(caller, asking)).status == 200
        store = key_store(gateway.gateway.config, os.environ)
        store.open(create=False)
        store.revoke("first")
        async with asyncio.timeout(5):
            while (answer := await again(caller, asking)).status == 200:  # noqa: ASYNC110 - until the file is read again
                await asyncio.sleep(0.05)
        assert answer.json()["error"]["code"] == "invalid_api_key"

    play(upstream, scene)


@pytest.mark.interpreted
def test_a_reload_counts_for_the_next_request(upstream: ScriptedUpstream) -> None:
    """The upstream's key, the models, who is believed about addresses: all may be others."""

    async def scene(gateway: Running, caller: Caller, asking: bytes) -> None:
        asking = asking.replace(b"\r\n\r\n", b"\r\nx-forwarded-for: 192.0.2.7\r\n\r\n", 1)
        text = gateway.path.read_text()
        assert (await again(caller, asking)).status == 200
        gateway.path.write_text(text.replace("sk-one", "sk-two") + "listen: {trusted_proxies: [127.0.0.1]}\n")
        assert (await gateway.team.reload())["ok"]
        log_all(gateway)
        assert (await again(caller, asking)).status == 200
        assert [one.header("authorization") for one in upstream.requests] == ["Bearer sk-one", "Bearer sk-two"]
        clients = [row["client"] for row in lines]
        assert clients == ["127.0.0.1", "192.0.2.7"]
        gateway.path.write_text(text.replace("{m:", "{other:"))
        assert (await gateway.team.reload())["ok"]
        assert (await again(caller, asking)).status == 404

    def log_all(gateway: Running) -> None:
        assert gateway.gateway.observed is not None
        gateway.gateway.observed.log.errors_only = False

    lines: list[dict[str, Any]] = []

    async def watched(gateway: Running, caller: Caller, asking: bytes) -> None:
        log_all(gateway)
        row_of = access_log.row_of
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(access_log, "row_of", lambda *call: lines.append(row_of(*call)) or lines[-1])
            await scene(gateway, caller, asking)

    play(upstream, watched)


def test_the_version_of_http_is_part_of_the_head(upstream: ScriptedUpstream) -> None:
    async def scene(gateway: Running, caller: Caller, asking: bytes) -> None:
        asking = asking.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n", 1)
        assert "connection" not in (await again(caller, asking)).headers
        old = await again(caller, asking.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert (old.status, old.headers["connection"]) == (200, "keep-alive")
        assert "connection" not in (await again(caller, asking)).headers

    play(upstream, scene)


def test_two_keys_on_one_connection_stay_two_callers(upstream: ScriptedUpstream) -> None:
    async def scene(gateway: Running, caller: Caller, asking: bytes) -> None:
        store = key_store(gateway.gateway.config, os.environ)
        store.open(create=False)
        _, secret = store.add("second", ("call",))
        other = asking.replace(gateway.key.encode(), secret.encode())
        async with asyncio.timeout(5):
            while (await again(caller, other)).status == 401:  # noqa: ASYNC110 - until the file is read again
                await asyncio.sleep(0.05)
        observed = gateway.gateway.observed
        assert observed is not None
        for data in (asking, other, asking):
            assert (await again(caller, data)).status == 200
        keys = [row["key"] for row in observed.recent.rows(3)]
        assert keys[0] == keys[2] != keys[1]

    play(upstream, scene)

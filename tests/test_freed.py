"""What is over is freed by its last reference: nothing waits for the collector, which a gateway seldom runs."""

import asyncio
import gc
import select
import socket
import threading

import pytest

from penstock.core import deadlines
from penstock.core.exchange import Exchange
from penstock.edge.generation import Generation
from penstock.net.client_connection import ClientConnection
from penstock.net.connection import Connection
from penstock.net.request_parser import RequestParser
from tests.support.gateway import OPEN_ECHO, Running, raw, running_gateway
from tests.support.load import Kept, chat
from tests.support.scripted_upstream import JSON, Answer, Gone, Request, ScriptedUpstream
from tests.support.stores import until

CONFIG = """
auth: {{mode: open}}
scrape: {{enabled: false}}
observe: {{access_log: off}}
upstreams: {{up: {{kind: vllm, base_url: "{url}"}}, slow: {{kind: echo, tokens_per_second: 100}}, e: {{kind: echo}}}}
models:
  m: {{upstreams: [up]}}
  either: {{upstreams: [up], fallbacks: [other]}}
  slow: {{upstreams: [slow]}}
  other: {{upstreams: [e]}}
"""
CHAT = b'{"id":"1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'


class Silent:
    """Takes a request and says nothing until its caller hangs up."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def __call__(self, connection: socket.socket, request: Request) -> None:
        self.asked.set()
        select.select([connection], [], [], 20)
        raise OSError


def hang_up(connection: socket.socket, request: Request) -> None:
    raise OSError


async def settled(gateway: Running) -> None:
    """Wait until nothing is in flight and what was replaced is gone."""
    for _ in range(2000):
        if not gateway.gateway.endpoint.generation.in_flight and len(gateway.gateway._editions) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(gateway.gateway._editions)


def generations() -> list[Generation]:
    """All that are in memory, of whatever gateway."""
    return [one for one in gc.get_objects() if type(one) is Generation]


def test_old_generations_are_freed() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            caller = await Kept.dial(gateway.port)
            gc.disable()  # nothing may depend on the collector: what is here at start is hidden from it
            try:
                before = {id(one) for one in generations()}
                for n in range(5):
                    assert (await caller.ask(chat("echo", keep=True))).status == 200
                    gateway.path.write_text(OPEN_ECHO + f"memory: {{retry_after: {n + 2}s}}\n")
                    assert (await gateway.team.reload())["ok"]
                assert (await caller.ask(chat("echo", keep=True))).status == 200
                await settled(gateway)
                await until(lambda: [one.number for one in generations() if id(one) not in before] == [6])
            finally:
                gc.enable()
            caller.writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("rescue", ["on", "all"])
def test_a_call_leaves_nothing_for_the_collector(rescue: str) -> None:
    """Bodies may be large: what a call held is free when it ends, not when the collector comes by."""

    def exchanges() -> list[Exchange]:
        return [one for one in gc.get_objects() if type(one) is Exchange]

    async def main(upstream: ScriptedUpstream) -> None:
        async with running_gateway(CONFIG.format(url=upstream.url) + f"rescue: {rescue}\n") as gateway:
            gc.collect()
            others = exchanges()  # that other tests of this process still hold
            gc.disable()
            try:
                calls = [
                    chat("other"),
                    chat("m"),
                    chat("no"),
                    chat("slow", words=5),
                    chat("slow", words=5, stream=True),
                ]
                for data in [*calls, calls[0][:-3] + b"xxx"]:
                    assert (await raw(gateway.port, data)).startswith(b"HTTP/1.1 ")
                upstream.answers["/v1/chat/completions"] = Gone()
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(chat("m", stream=True))
                await reader.readuntil(b"data: ")
                writer.close()
                await settled(gateway)
                upstream.answers["/v1/chat/completions"] = silent = Silent()
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(chat("m"))
                await asyncio.to_thread(silent.asked.wait, 20)
                writer.close()
                await settled(gateway)
                upstream.answers["/v1/chat/completions"] = hang_up
                assert (await raw(gateway.port, chat("either"))).startswith(b"HTTP/1.1 200")
                await settled(gateway)
                known = {id(old) for old in others}
                await until(lambda: not [one for one in exchanges() if id(one) not in known])
            finally:
                gc.enable()

    with ScriptedUpstream() as upstream:
        upstream.answers["/v1/chat/completions"] = Answer(body=CHAT)
        asyncio.run(main(upstream))


def test_a_closed_connection_leaves_nothing_for_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands come and go between two visits of the collector, on both sides."""
    monkeypatch.setattr(deadlines, "HORIZON_SECONDS", 0.1)

    others: list[object] = []  # that other tests of this process still hold

    def here() -> list[object]:
        kinds = (Connection, RequestParser, ClientConnection)
        known = {id(other) for other in others}
        return [one for one in gc.get_objects() if type(one) in kinds and id(one) not in known]

    async def main(upstream: ScriptedUpstream) -> None:
        async with running_gateway(CONFIG.format(url=upstream.url)) as gateway:
            gc.collect()
            others.extend(here())
            gc.disable()
            try:
                assert (await raw(gateway.port, chat("m"))).startswith(b"HTTP/1.1 200")
                upstream.answers["/v1/chat/completions"] = Gone()
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(chat("m", stream=True))
                await reader.readuntil(b"data: ")
                assert {type(one) for one in here()} == {Connection, RequestParser, ClientConnection}
                writer.close()
                async with asyncio.timeout(20):
                    while here():  # noqa: ASYNC110 - what is awaited has no event of its own
                        await asyncio.sleep(0.02)
            finally:
                gc.enable()

    with ScriptedUpstream() as upstream:
        answer = Answer(body=CHAT, headers=(JSON, ("connection", "close")))
        upstream.answers["/v1/chat/completions"] = answer
        asyncio.run(main(upstream))

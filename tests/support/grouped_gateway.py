"""A gateway that groups, on real sockets, before two upstreams that a test lets on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.support.gateway import Running, ask, running_gateway
from tests.support.prefilling import Prefilling, chat
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.sockets import Answer

CHAT = "/v1/chat/completions"
CONFIG = """
auth: {{mode: open}}
scrape: {{enabled: false}}
health: {{probes: "off"}}
retries: {{max: 0}}
upstreams:
  a: {{kind: {kind}, base_url: "{a}"}}
  b: {{kind: {kind}, base_url: "{b}"}}
models: {{m: {{upstreams: [a, b], strategy: round_robin}}}}
grouping: {{{grouping}}}
"""
JSON_TYPE = ("Content-Type", "application/json")


class Mill:
    """A gateway with two upstreams behind it."""

    def __init__(self, gateway: Running, a: Prefilling, b: Prefilling) -> None:
        self.gateway = gateway
        self.a, self.b = a, b
        self.port = gateway.port
        self.tasks: list[asyncio.Task[Answer]] = []

    def ask(self, *texts: str, headers: Any = (), **more: Any) -> list[asyncio.Task[Answer]]:
        made = [
            asyncio.ensure_future(ask(self.port, "POST", CHAT, headers, chat(text, **more), within=60))
            for text in texts
        ]
        self.tasks += made
        return made

    def counts(self) -> dict[str, Any]:
        grouped = self.gateway.gateway.grouped
        assert grouped is not None
        return grouped.dump()

    @property
    def arrived(self) -> list[str]:
        return self.a.arrived + self.b.arrived

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(15):
            while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
                await asyncio.sleep(0.005)

    async def end(self, *texts: str) -> None:
        for upstream in (self.a, self.b):
            upstream.end(*texts)

    async def settled(self) -> None:
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.until(lambda: self.gateway.gateway.endpoint.generation.in_flight == 0)
        assert (self.counts()["groups"], self.counts()["waiting"]) == (0, 0)


@contextlib.asynccontextmanager
async def mill(grouping: str = "group_by: prefix", kind: str = "vllm") -> AsyncIterator[Mill]:
    a, b = Prefilling(), Prefilling()
    with ScriptedUpstream() as one, ScriptedUpstream() as other:
        one.answers[CHAT], other.answers[CHAT] = a, b
        text = CONFIG.format(a=one.url, b=other.url, grouping=grouping, kind=kind)
        async with running_gateway(text) as gateway:
            made = Mill(gateway, a, b)
            try:
                yield made
            finally:
                for asked in set(made.arrived) | {"1", "2", "3", "4"}:
                    await made.end(asked)

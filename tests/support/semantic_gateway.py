"""A running gateway with a semantic cache, over real sockets, before an upstream that answers, embeds and judges."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest

from penstock.cache.embedding import service
from penstock.cache.semantic.store import Memory
from penstock.process.loop import run
from tests.support.answering import Answering
from tests.support.gateway import Answer, Running, ask, running_gateway

CHAT = "/v1/chat/completions"
STATUS = "/admin/v1/cache/semantic"
OPEN = "auth: {mode: open}\n"
WHERE = "where is the office of the bank in Bern"
ALIKE = WHERE + " please"


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not fact():  # noqa: ASYNC110 - the fact has no event
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def gateway(
    upstream: Answering, semantic: str = "", more: str = OPEN + "store: memory\n", patience: str = "10s"
) -> AsyncIterator[Running]:
    async with running_gateway(upstream.config(semantic, more, patience)) as running:
        await until(lambda: memory(running).ready)
        yield running


def memory(running: Running) -> Memory:
    caching = running.gateway.caching
    assert caching is not None
    kept = caching.semantics.memory
    assert kept is not None
    return kept


async def say(running: Running, text: str, key: str = "", **fields: Any) -> tuple[Answer, str]:
    """Ask, and give the answer with what it says."""
    system = fields.pop("system", "")
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]
    head = [("Authorization", f"Bearer {key}")] if key else []
    answer = await ask(running.port, "POST", CHAT, head, {"model": "m", "messages": messages, **fields})
    assert answer.status == 200, answer.body
    return answer, answer.body.decode() if fields.get("stream") else _text(answer)


def _text(answer: Answer) -> str:
    return str(json.loads(answer.body)["choices"][0]["message"]["content"])


def result(answer: Answer) -> str:
    return answer.headers["x-penstock-cache"]


async def status(running: Running) -> dict[str, Any]:
    return dict(json.loads((await ask(running.port, "GET", STATUS)).body))


def main(work: Callable[[Answering], Any], upstream: Answering | None = None) -> None:
    with upstream or Answering() as up, pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "Limits", partial(service.Limits, deadline=60.0))  # no vector is given up as late
        run(work(up))

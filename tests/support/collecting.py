"""Calls without a stream at a routing room that collects, and upstreams for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from penstock.core.call import Call, Operation
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from penstock.wire.operations import OPERATIONS
from penstock.wire.sse import encode
from tests.support.numbered import upstream

BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "count"}]},
    "messages": {"model": "m", "stream": False, "max_tokens": 99, "messages": [{"role": "user", "content": "count"}]},
    "completions": {"model": "m", "stream": None, "prompt": "count: "},
}
JSON = [(b"content-type", b"application/json")]


def ask(operation: str = "chat", **fields: Any) -> Exchange:
    body: Any = None
    call = Call(BY_NAME[operation], "POST", "/v1" + BY_NAME[operation].path, b"", [], "10.0.0.1")
    call.model, call.max_tokens = "m", fields.get("max_tokens")
    call.body = msgspec.json.encode(BODIES[operation] | fields)
    return Exchange("req_1", call, 0.0, 60.0, body)


def room(*those: Target, fallback: Target | None = None, **options: Any) -> Routing:
    entries = [Entry("m", those, make_strategy("round_robin"), fallbacks=["f"] if fallback else [])]
    if fallback is not None:
        entries.append(Entry("f", [fallback], make_strategy("round_robin")))
    options = {"retries": 2, "collect": True, "now": lambda: 0.0, "uniform": lambda low, high: low} | options
    return Routing(Table(entries), those, **options)


def serve(one: Exchange, *those: Target, **options: Any) -> Reply:
    """The reply. Raises the room's errors."""
    call = one.call

    async def main() -> Reply:
        try:
            return await room(*those, **options)(one, no_room_below)
        finally:
            one.finish("ok", 1.0)

    reply = run(main())
    assert one.call is call, "the exchange has not got its own call back"
    assert [target.in_flight for target in those] == [0] * len(those), "a seat is still taken"
    return reply


async def no_room_below(exchange: Exchange) -> Reply:
    raise AssertionError


def told(reply: Reply) -> dict[str, Any]:
    """The JSON of a reply that is whole."""
    assert (reply.status, reply.events, reply.live) == (200, False, False)
    assert reply.headers == JSON
    assert isinstance(reply.body, bytes)
    answer = msgspec.json.decode(reply.body)
    assert isinstance(answer, dict)
    return answer


def text_of(answer: dict[str, Any]) -> str:
    if "content" in answer:
        return "".join(block["text"] for block in answer["content"])
    (choice,) = answer["choices"]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


def failing(one: Exchange, *those: Target, **options: Any) -> Fail:
    with pytest.raises(Fail) as caught:
        serve(one, *those, **options)
    return caught.value


def says(target: Target, *answers: Sequence[bytes]) -> Target:
    """``target`` answers so, one after another, instead of in numbered words."""
    following = iter(answers)
    upstream(target)._frames = lambda *_: iter(next(following))  # type: ignore[method-assign]
    return target


def chunk(*choices: dict[str, Any], **facts: Any) -> bytes:
    return encode(msgspec.json.encode({"id": "c", "created": 7, "model": "m", "choices": list(choices), **facts}))


def part(index: int, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}

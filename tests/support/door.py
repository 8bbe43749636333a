"""Shorthand for tests of the edge that need only one answer: a pipeline that says hello."""

from typing import Any

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from tests.support.scripted import scripted
from tests.support.sockets import Answer


def hello(exchange: Exchange) -> Reply:
    return Reply(200, [(b"content-type", b"text/plain")], b"hello")


def at_door(act: Any, **generation: Any) -> Any:
    """``await act(door)`` with a pipeline that says hello."""

    async def main() -> Any:
        async with scripted(hello, **generation) as door:
            return await act(door)

    return run(main())


def answer(method: str, target: str, fields: Any = (), body: Any = b"", **generation: Any) -> Answer:
    got: Answer = at_door(lambda door: door.ask(method, target, fields, body), **generation)
    return got

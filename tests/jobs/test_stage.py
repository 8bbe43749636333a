import asyncio
import errno
from typing import Any

import pytest

from penstock.core.call import Call
from penstock.core.errors import GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.jobs.stage import JobsRoom
from penstock.wire.operations import find

OURS = Reply(200, [], b"ours")
BELOW = Reply(200, [], b"below")


class Answers:
    """Knows one id."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.fails: OSError | None = None

    async def answer(self, exchange: Exchange, kind: str, method: str, id: str, verb: str) -> Reply | None:
        self.asked.append((kind, method, id, verb))
        if self.fails is not None:
            raise self.fails
        return OURS if id == "ours" else None


async def below(exchange: Exchange) -> Reply:
    return BELOW


def go(room: JobsRoom, method: str, path: str) -> Reply:
    operation = find(path)
    assert operation is not None
    body: Any = None
    exchange = Exchange("r", Call(operation, method, path, b"", [], ""), 0.0, 1.0, body)

    async def main() -> Reply:
        return await room(exchange, below)

    return asyncio.run(main())


def test_who_is_asked_for_what() -> None:
    answers: Any = Answers()
    room = JobsRoom(answers)
    assert go(room, "POST", "/v1/chat/completions") is BELOW
    assert answers.asked == []
    for path, asked in (
        ("/v1/files", ("files", "GET", "", "")),
        ("/v1/files/ours/content", ("files", "GET", "ours", "content")),
        ("/v1/batches/theirs", ("batches", "GET", "theirs", "")),
        ("/v1/messages/batches", ("messages", "GET", "", "")),
        ("/v1/messages/batches/ours/results", ("messages", "GET", "ours", "results")),
    ):
        assert go(room, "GET", path) is (OURS if "ours" in path else BELOW)
        assert answers.asked[-1] == asked


def test_what_the_disk_says_is_told() -> None:
    answers: Any = Answers()
    answers.fails = OSError(errno.ENOSPC, "full")
    with pytest.raises(GatewayError) as error:
        go(JobsRoom(answers), "GET", "/v1/files")
    assert error.value.status == 507

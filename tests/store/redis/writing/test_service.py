import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from penstock.core.clock import FakeClock
from penstock.store.asked import Add, Append, Delete, Mark, Once, Put
from penstock.store.counts import Counts
from penstock.store.redis.writing.service import BATCH_WRITES, Writing
from penstock.store.trouble import Trouble
from tests.support.redis_line import ScriptedLine
from tests.support.stores import during, until

AWAY = OSError("connection lost")


class Rig:
    def __init__(self, *script: Any) -> None:
        self.clock = FakeClock()
        self.line = ScriptedLine(*script)
        self.counts = Counts()
        self.trouble = Trouble("x", self.counts, self.clock.now)
        self.writing = Writing(self.line, self.counts, self.trouble, self.clock.wall)  # type: ignore[arg-type]

    def put(self, key: bytes = b"k") -> bool:
        return self.writing.offer(Put("t", key, b"v", self.clock.wall() + 5))

    def future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()


def run(rig: Callable[[], Rig], work: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        made = rig()
        async with asyncio.timeout(10), during(made.writing.run()):
            await work(made)

    asyncio.run(main())


def test_what_waits_is_sent_together_and_in_order() -> None:
    async def work(rig: Rig) -> None:
        for number in range(BATCH_WRITES + 1):
            assert rig.put(b"%d" % number)
        mark = rig.future()
        rig.writing.offer(Mark(mark))
        await mark
        assert [len(sent) for sent in rig.line.sent] == [2 * BATCH_WRITES, 2]
        keys = [command[1] for sent in rig.line.sent for command in sent if command[0] == "SET"]
        assert keys == [b"penstock:record:t:%d" % number for number in range(BATCH_WRITES + 1)]
        assert rig.counts.rows() == [["put", "ok", BATCH_WRITES + 1]]

    run(Rig, work)


def test_a_batch_that_broke_is_sent_once_more_and_then_lost() -> None:
    async def work(rig: Rig) -> None:
        rig.put(b"1")
        await until(lambda: len(rig.line.sent) == 2)
        assert rig.line.sent[0] == rig.line.sent[1]
        await until(lambda: rig.counts.rows() == [["put", "ok", 1]])
        assert rig.trouble.text == ""
        rig.line.script = [AWAY, AWAY]
        rig.put(b"2")
        rig.writing.offer(Append("l", b"row", 5))
        await until(lambda: rig.counts.lost == 2)
        assert rig.trouble.text == "connection lost"
        rig.put(b"3")
        await until(lambda: ["put", "ok", 2] in rig.counts.rows())

    run(lambda: Rig(AWAY), work)


def test_who_waits_for_an_answer_hears_at_once_that_it_is_away() -> None:
    async def work(rig: Rig) -> None:
        add, once, mark = rig.future(), rig.future(), rig.future()
        rig.put()
        rig.writing.offer(Add("n", 1, None, add))
        rig.writing.offer(Once("s", b"v", once))
        rig.writing.offer(Mark(mark))
        for future in (add, once):
            with pytest.raises(OSError, match="connection lost"):
                await future
        assert await mark is False
        await until(lambda: len(rig.line.sent) == 2)
        assert [command[0] for command in rig.line.sent[0]] == ["ZADD", "SET", "EVAL", "SET"]
        assert [command[0] for command in rig.line.sent[1]] == ["ZADD", "SET"]
        rig.line.rests = 1.0
        late = rig.future()
        assert rig.writing.offer(Add("n", 1, None, late))
        with pytest.raises(OSError, match="away"):
            await late

    run(lambda: Rig(AWAY), work)


def test_what_the_server_refuses_is_lost_and_the_rest_is_not() -> None:
    async def replies(commands: Sequence[Any]) -> list[Any]:
        return [1, b"OK", 1, ValueError("memory is full"), 3, 1, b"7", b"theirs"]

    async def work(rig: Rig) -> None:
        add, once = rig.future(), rig.future()
        rig.put(b"1")
        rig.put(b"2")
        rig.writing.offer(Delete("t", (b"3",)))
        rig.writing.offer(Add("n", 1, None, add))
        rig.writing.offer(Once("s", b"mine", once))
        assert await add == 7
        assert await once == b"theirs"
        assert rig.counts.rows() == [
            ["add", "ok", 1], ["delete", "ok", 1], ["once", "ok", 1], ["put", "lost", 1], ["put", "ok", 1],
        ]  # fmt: skip
        assert rig.trouble.text == "the server refuses: memory is full"

    run(lambda: Rig(replies), work)


def test_closing_waits_for_what_is_queued_but_not_for_ever() -> None:
    async def hangs(commands: Sequence[Any]) -> None:
        await asyncio.sleep(60)

    async def work(rig: Rig) -> None:
        rig.put()
        await rig.writing.aclose(5.0)
        assert rig.counts.rows() == [["put", "ok", 1]]
        rig.line.script = [hangs]
        rig.put()
        await until(lambda: len(rig.line.sent) == 2)
        rig.put()
        await rig.writing.aclose(0.05)
        assert rig.counts.lost == 1  # the one in hand is counted when the task is cancelled

    rigs: list[Rig] = []

    def made() -> Rig:
        rigs.append(Rig())
        return rigs[0]

    run(made, work)
    assert rigs[0].counts.lost == 2

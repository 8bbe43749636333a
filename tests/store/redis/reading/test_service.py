import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from penstock.core.clock import FakeClock
from penstock.core.stored import Missed
from penstock.store.asked import Get, Last, Read, Scan
from penstock.store.counts import Counts
from penstock.store.redis.reading import service
from penstock.store.redis.reading.service import Following, Reading
from penstock.store.trouble import Trouble
from tests.support.redis_line import ScriptedLine
from tests.support.stores import during, until

AWAY = OSError("connection lost")


class Rig:
    def __init__(self, *script: Any) -> None:
        self.line, self.waiting_line = ScriptedLine(*script), ScriptedLine()
        self.trouble = Trouble("x", Counts(), FakeClock().now)
        self.reading = Reading(self.line, self.trouble)  # type: ignore[arg-type]
        self.following = Following(self.waiting_line, self.reading, time.monotonic)  # type: ignore[arg-type]


def run(rig: Callable[[], Rig], work: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        made = rig()
        async with asyncio.timeout(10), during(made.reading.run()), during(made.following.run()):
            await work(made)

    asyncio.run(main())


def test_gets_that_come_together_are_asked_together() -> None:
    async def work(rig: Rig) -> None:
        asked = [rig.reading.ask(Get("t", b"%d" % number)) for number in range(3)]
        assert await asyncio.gather(*asked) == [b"0", None, b"2"]
        assert rig.line.sent == [[("MGET", *(b"penstock:record:t:%d" % number for number in range(3)))]]

    run(lambda: Rig([[b"0", None, b"2"]]), work)


def test_one_that_was_cancelled_harms_no_other() -> None:
    async def work(rig: Rig) -> None:
        async with during(rig.reading.ask(Get("t", b"1"))) as gone:
            await asyncio.sleep(0)
            gone.cancel()
            assert await rig.reading.ask(Get("t", b"2")) == b"2"

    run(lambda: Rig([[b"2"]]), work)


def test_a_silent_server_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GET_SECONDS", 0.05)
    answer = asyncio.Event()

    async def silent(commands: Sequence[Any]) -> list[Any]:
        await answer.wait()
        return [[None]]

    async def work(rig: Rig) -> None:
        with pytest.raises(OSError, match="did not answer in time"):
            await rig.reading.ask(Get("t", b"k"))
        began = time.monotonic()
        with pytest.raises(OSError, match="away"):
            await rig.reading.ask(Get("t", b"k"))
        assert time.monotonic() - began < 0.04
        answer.set()
        rig.line.script = [[[b"v"]]]

        async def answered() -> bool:
            try:
                return bool(await rig.reading.ask(Get("t", b"k")) == b"v")
            except OSError:
                await asyncio.sleep(0.01)
                return False

        while not await answered():
            pass

    run(lambda: Rig(silent), work)


def test_one_that_was_given_up_before_it_was_asked_silences_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GET_SECONDS", 0.05)

    async def main() -> None:
        rig = Rig([[b"v"]])
        with pytest.raises(OSError, match="did not answer in time"):
            await rig.reading.ask(Get("t", b"k"))  # nobody has begun to read
        async with during(rig.reading.run()):
            await until(lambda: "0 questions" in repr(rig.reading))
            assert await rig.reading.ask(Get("t", b"k")) == b"v"

    asyncio.run(main())


def test_closing_answers_all_who_wait() -> None:
    async def silent(commands: Sequence[Any]) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        rig = Rig(silent)
        async with during(rig.reading.run()), during(rig.reading.ask(Get("t", b"1"))) as in_hand:
            await until(lambda: rig.line.sent)
            async with (
                during(rig.reading.ask(Last("l"))) as queued,
                during(rig.following.rows(Read("l", "", 1, 60.0))) as f,
            ):
                await asyncio.sleep(0)
                rig.reading.close()
                with pytest.raises(OSError, match="is closed"):
                    await queued
                with pytest.raises(OSError, match="is closed"):
                    await f
                assert not in_hand.done()
        with pytest.raises(OSError, match="is closed"):
            await rig.reading.ask(Last("l"))

    asyncio.run(main())


def test_a_line_that_breaks_ends_the_silence() -> None:
    async def work(rig: Rig) -> None:
        with pytest.raises(OSError, match="connection lost"):
            await rig.reading.ask(Get("t", b"k"))
        assert rig.trouble.text == "connection lost"
        assert await rig.reading.ask(Get("t", b"k")) == b"v"
        rig.line.rests = 1.0
        with pytest.raises(OSError, match="away"):
            await rig.reading.ask(Last("l"))

    run(lambda: Rig(AWAY, [[b"v"]]), work)


def test_a_question_that_is_refused_is_an_error_of_its_own() -> None:
    async def work(rig: Rig) -> None:
        with pytest.raises(OSError, match="the server refuses: wrong type"):
            await rig.reading.ask(Last("l"))

    run(lambda: Rig([ValueError("wrong type")]), work)


def test_a_scan_asks_for_what_made_a_page_too_large_by_itself() -> None:
    async def work(rig: Rig) -> None:
        batch, cursor = await rig.reading.ask(Scan("t", ""))
        assert (batch, cursor) == ([(b"a", b"1"), (b"bc", b"")], "17")
        assert rig.line.sent[0][0][3:] == (b"penstock:index:t", "0", 500, b"penstock:record:t:", 2 * 2**20)
        batch, cursor = await rig.reading.ask(Scan("t", "17"))
        assert cursor is None
        assert batch == [(b"%d" % number, b"v") for number in range(12)]
        assert [len(sent[0]) - 1 for sent in rig.line.sent[2:]] == [10, 3]

    sizes = struct.pack(">4I", 1, 1, 2, 0)
    keys = [b"%d" % number for number in range(13)]
    run(
        lambda: Rig(
            [[b"17", sizes, b"a1bc", []]], [[b"0", b"", b"", keys]], [[b"v"] * 10], [[b"v", b"v", None]],
        ),
        work,
    )  # fmt: skip


def test_a_position_that_is_ahead_of_the_log_has_missed() -> None:
    async def work(rig: Rig) -> None:
        with pytest.raises(Missed):
            await rig.reading.ask(Read("l", "17", 5, 0.0))
        assert await rig.reading.ask(Read("l", "17", 5, 0.0)) == []

    run(lambda: Rig([[]], [[[b"0-3", [b"row", b""]]]], [[]], [[[b"0-17", [b"row", b""]]]]), work)


def test_all_who_wait_are_woken_by_one_connection() -> None:
    came = asyncio.Event()

    async def blocked(commands: Sequence[Any]) -> list[Any]:
        await came.wait()
        return [[[b"penstock:log:a", [[b"0-1", [b"row", b"x"]]]]]]

    async def rows(commands: Sequence[Any]) -> list[Any]:
        name = commands[0][1]
        return [[[b"0-1", [b"row", b"x"]]] if came.is_set() and name == b"penstock:log:a" else []]

    async def work(rig: Rig) -> None:
        rig.line.script = [rows] * 50
        rig.waiting_line.script = [blocked, *[blocked] * 50]
        waits = [rig.following.rows(Read(name, "", 5, 0.3)) for name in ("a", "a", "b")]
        gathered = asyncio.gather(*waits)
        await until(lambda: rig.waiting_line.sent)
        came.set()
        assert await gathered == [[("1", b"x")], [("1", b"x")], []]

    run(Rig, work)


def test_a_follower_outwaits_a_server_that_is_away() -> None:
    async def work(rig: Rig) -> None:
        began = time.monotonic()
        assert await rig.following.rows(Read("a", "", 5, 5.0)) == [("1", b"x")]
        assert time.monotonic() - began < 5.0
        rig.line.script = [AWAY] * 100
        with pytest.raises(OSError, match="connection lost"):
            await rig.following.rows(Read("a", "1", 5, 0.1))

    run(lambda: Rig(AWAY, [[[b"0-1", [b"row", b"x"]]]]), work)


def test_rows_that_come_quickly_are_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GATHER_SECONDS", 0.2)
    row = [[[b"0-1", [b"row", b"x"]]]]

    async def work(rig: Rig) -> None:
        following = rig.following.rows
        assert await following(Read("a", "", 5, 5.0)) == [("1", b"x")]
        sent = len(rig.line.sent)
        later = asyncio.ensure_future(following(Read("a", "", 5, 5.0)))
        await following(Read("b", "", 5, 5.0))  # another log does not wait
        assert len(rig.line.sent) == sent + 1
        await following(Read("a", "", 5, 0.0))  # nor does who would not
        assert len(rig.line.sent) == sent + 2
        assert not later.done()
        assert await later == [("1", b"x")]
        assert len(rig.line.sent) == sent + 3

    run(lambda: Rig(row, row, row, row), work)

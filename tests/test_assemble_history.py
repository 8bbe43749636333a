import asyncio
import random
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from penstock.assemble_history import HAND_SECONDS, Past, host_name
from penstock.config import Config
from penstock.core.clock import FakeClock
from penstock.core.windows import SPAN
from penstock.history.gathering import Gathering
from penstock.history.rollup import rolled
from penstock.history.tables import encode
from penstock.history.tiers import TEN
from penstock.process.loop import run
from penstock.store.memory.store import MemoryDesk
from penstock.store.store import DeskStore
from tests.support.formerly import formerly
from tests.support.gateway import OPEN_ECHO, ask, running_gateway
from tests.support.windows import finished, window_of

START = 1_800_000_000.0


class Place:
    """A store, and gateways that come and go, at a time that is moved on by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock(wall=START)
        self.desk = MemoryDesk(self.clock.wall, self.clock.now)
        self.store: DeskStore | None = DeskStore("memory", lambda: self.desk, shared=True)

    def past(self, text: str = "") -> Past:
        gateway: Any = SimpleNamespace(clock=self.clock, store=self.store)
        watching: Any = SimpleNamespace(gateway=gateway, leads=True, takers=[], answers={}, history=None)
        watching.gathering = Gathering(START - 1000)
        past = Past(watching)
        past.follow(Config.parse(text, "penstock.yaml", {}) if text else Config.from_environment({}, frozenset()))
        return past

    async def live(self, past: Past, *spans: int, calls: int = 1) -> None:
        """The windows of these spans come, and are written; it begins with what was."""
        await past._begin()
        for span in spans:
            start = START + SPAN * span
            self.clock.advance(max(0.0, start + SPAN - self.clock.wall()))
            past.take(window_of(start, *[finished()] * calls, gauges={"cpu": span / 1000}))
            await past._write(past._pending.popleft())


async def counts(past: Past, step: float, since: float = START, until: float = START + 10_800) -> list[tuple[int, int]]:
    found = await past.between(since, until, step)
    return [(int(window.start - START), window.calls) for window in found]


def test_windows_become_minutes_and_hours() -> None:
    async def main() -> None:
        place = Place()
        past = place.past()
        await place.live(past, *range(380))
        assert await counts(past, 3600.0) == [(0, 360), (3600, 20)], "the hour that has not ended, too"
        assert (await counts(past, 60.0))[-2:] == [(3720, 6), (3780, 2)]
        assert len(await counts(past, 60.0)) == 64
        assert await counts(past, 20.0, START + 3700) == [(3700, 2), (3720, 2), (3740, 2), (3760, 2), (3780, 2)]
        hour = (await past.between(START, START + 3600, 3600.0))[0]
        assert hour.gauges["cpu"] == pytest.approx(sum(range(360)) / 360 / 1000)
        assert hour.peaks["cpu"] == 0.359

    asyncio.run(main())


@pytest.mark.parametrize("cuts", [[3], [6], [7], [359], [360], [361], [5, 6, 100, 363]])
def test_a_restart_at_any_moment_changes_nothing(cuts: list[int]) -> None:
    async def main() -> None:
        place = Place()
        for begin, end in zip([0, *cuts], [*cuts, 400], strict=True):
            past = place.past()
            await place.live(past, *range(begin, end))
        assert await counts(past, 3600.0) == [(0, 360), (3600, 40)]
        assert await counts(past, 60.0) == [(60 * minute, 6) for minute in range(66)] + [(3960, 4)]

    asyncio.run(main())


def test_a_gap_stays_a_gap_and_what_was_before_it_is_kept() -> None:
    async def main() -> None:
        place = Place()
        await place.live(place.past(), *range(10))
        past = place.past()
        await place.live(past, *range(500, 503), calls=2)
        assert await counts(past, 3600.0) == [(0, 10), (3600, 6)]
        assert await counts(past, 60.0) == [(0, 6), (60, 4), (4980, 6)]
        assert (await past.between(START, START + 3600, 3600.0))[0].covered == 100.0

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_right_whenever_it_is_cut_off(seed: int) -> None:
    async def main() -> None:
        dice = random.Random(seed)
        place = Place()
        spans = sorted(dice.sample(range(800), 120))
        expected: dict[int, int] = {}
        while spans:
            past = place.past()
            some, spans = spans[: dice.randrange(1, 40)], spans[39:] if len(spans) > 39 else []
            for span in some:
                expected[span // 360] = expected.get(span // 360, 0) + 1
            await place.live(past, *some)
        assert dict(await counts(past, 3600.0)) == {3600 * hour: number for hour, number in expected.items()}

    asyncio.run(main())


@pytest.mark.parametrize("more", ["", "history: {enabled: false}"])
def test_only_what_the_store_does_not_have_is_kept_at_hand(more: str) -> None:
    async def main() -> None:
        place = Place()
        past = place.past(more)
        await place.live(past, *range(400))
        assert len(past._packed) == (HAND_SECONDS / SPAN + 1 if more else 0)
        first = START + (39 * SPAN if more else 0)
        assert (await past.between(START, START + 4000, 10.0))[0].start == first
        past.follow(Config.from_environment({}, frozenset()))
        assert not past._packed, "it is written from now on"

    asyncio.run(main())


def test_hosts_that_share_a_store_are_told_together() -> None:
    async def main() -> None:
        place = Place()
        one, other = place.past("history: {host: a}"), place.past("history: {host: b}")
        await place.live(one, *range(8))
        await place.live(other, *range(4, 9), calls=10)
        assert await counts(one, 60.0) == [(0, 26), (60, 2)], "of others, what they have written"
        assert await counts(other, 10.0, START + 30, START + 60) == [(30, 1), (40, 11), (50, 11)]
        told = await one.answer({"since": str(START), "until": str(START + 60), "step": "60s", "measures": "calls"})
        assert told["series"][0]["points"] == {"calls": [26]}

    asyncio.run(main())


def test_a_leader_begins_where_its_predecessor_ended() -> None:
    async def main() -> None:
        place = Place()
        await place.live(place.past(), 0, 1)
        past = place.past()
        await past._begin()
        assert past._watching.gathering.after == START + SPAN

    asyncio.run(main())


@pytest.mark.parametrize("away", ["no store", "switched off"])
def test_without_a_store_the_last_hour_is_told(away: str) -> None:
    async def main() -> None:
        place = Place()
        if away == "no store":
            place.store = None
        past = place.past("history: {enabled: false}" if away == "switched off" else "")
        await place.live(past, *range(12))
        assert len(past._packed) == 12
        assert await counts(past, 60.0) == [(0, 6), (60, 6)]
        told = await past.answer({"since": str(START), "step": "60s", "measures": "calls"})
        assert told["series"][0]["points"]["calls"][:2] == [6, 6]
        assert place.desk._tables == {}

    asyncio.run(main())


def test_it_waits_for_a_store_that_is_away() -> None:
    """What was written before must be read first: it would be written over."""

    async def main() -> None:
        place = Place()
        await place.live(place.past(), 0, 1)
        past = place.past()
        assert past._shelf is not None
        reached = False

        async def flush() -> bool:
            return reached

        place.store.flush = flush  # type: ignore[union-attr, method-assign]
        past.take(window_of(START + 20, finished()))
        service = asyncio.ensure_future(past.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(past._pending) == 1
        service.cancel()
        reached = True
        service = asyncio.ensure_future(past.run())
        while past._pending:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        service.cancel()
        assert await counts(past, 10.0, START, START + 30) == [(0, 1), (10, 1), (20, 1)]

    asyncio.run(main())


def test_a_wrong_question_says_what_there_is() -> None:
    told = asyncio.run(Place().past().answer({"measures": "speed"}))
    assert (told["status"], told["code"], told["param"]) == (400, "bad_query", "measures")
    assert "ttft_p95" in told["problems"][0]


def test_what_cannot_be_read_is_counted() -> None:
    async def main() -> None:
        place = Place()
        past = place.past()
        await place.live(past, 0)
        assert past._shelf is not None
        await past._shelf.put(TEN, START + 10, {"head": b"nonsense"})
        place.clock.advance(SPAN)
        assert [window.start for window in await past.between(START, START + 60, 10.0)] == [START]
        assert (await past.answer({"since": str(START), "until": str(START + 60), "step": "10s"}))["unread"] == 1

    asyncio.run(main())


def test_an_answer_reads_only_what_is_asked_for() -> None:
    async def main() -> None:
        place = Place()
        past = place.past()
        await place.live(past, *range(8))
        assert past._shelf is not None
        past._shelf.read = read = Mock(side_effect=past._shelf.read)  # type: ignore[method-assign]
        for what in ({"dimension": "key", "measures": "calls"}, {"measures": "calls,ttft_p95"}):
            told = await past.answer({"since": str(START), "until": str(START + 120), "step": "60s", **what})
            assert told["series"][0]["points"]["calls"] == [6, 2], "the minute that has not ended, too"
        assert [call.args[3] for call in read.call_args_list] == [("head", "key"), ("head", "firsts")]

    asyncio.run(main())


def test_what_was_kept_in_the_former_way_is_told_and_gone_on_with() -> None:
    async def main() -> None:
        place = Place()
        assert place.store is not None
        tens = [window_of(START + SPAN * number, finished()) for number in range(8)]
        for name, those in ("ten_seconds", tens), ("minute", rolled(tens[:6], 60.0)):
            block = encode({int(window.start): formerly(window) for window in those})
            place.store.records("history").put(f"local:8400|{name}|{int(START)}".encode(), block, START + 86_400)
        place.store.records("history_hosts").put(b"local:8400", encode([START, START + 70]), START + 86_400)
        place.clock.advance(80)
        past = place.past()
        await place.live(past, *range(8, 20))
        assert await counts(past, 60.0) == [(0, 6), (60, 6), (120, 6), (180, 2)]
        assert await counts(past, 3600.0) == [(0, 20)]
        told = await past.answer({"since": str(START), "until": str(START + 180), "step": "60s", "measures": "calls"})
        assert (told["series"][0]["points"], told["unread"]) == ({"calls": [6, 6, 6]}, 0)

    asyncio.run(main())


def test_names_of_hosts() -> None:
    usual = Config.from_environment({}, frozenset())
    assert host_name(usual) == "local:8400"


def test_over_http() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway, asyncio.timeout(60):
            watching, observed = gateway.gateway.watching, gateway.gateway.observed
            assert watching is not None
            assert observed is not None
            body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
            for _ in range(3):
                await ask(gateway.port, "POST", "/v1/chat/completions", [], body)
            observed.hand_on()
            watching.tally.close(watching.tally.start + SPAN, {"cpu": 0.5})
            await watching.gather()
            assert watching.history is not None
            wanted = "since=-10m&step=10s&measures=calls,ttft_p95,cpu"
            while True:  # until it is written
                answer = await ask(gateway.port, "GET", f"/admin/v1/history?{wanted}")
                assert answer.status == 200
                (series,) = answer.json()["series"]
                if series["calls"] >= 3:
                    break
            assert (series["calls"], sum(filter(None, series["points"]["calls"]))) == (3, 3)
            answer = await ask(gateway.port, "GET", "/admin/v1/history?measures=speed")
            assert answer.status == 400
            assert "ttft_p95" in answer.json()["error"]["message"]

    run(main())

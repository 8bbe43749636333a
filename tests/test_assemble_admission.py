"""Seats and queues of a gateway over sockets: who waits, who goes first, who is told to go, and that nobody hangs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.config import Config, ConfigError
from penstock.process.loop import run
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
upstreams: {{up: {{kind: vllm, base_url: "{url}", max_in_flight: {seats}}}}}
models: {{m: {{upstreams: [up]}}}}
admission: {{{admission}}}
"""


class House:
    """A gateway before one upstream that a test lets on."""

    def __init__(self, gateway: Running, upstream: Prefilling, url: str) -> None:
        self.gateway, self.upstream, self.url = gateway, upstream, url
        self.tasks: list[asyncio.Task[Answer]] = []

    def ask(self, text: str, priority: str = "normal", *fields: tuple[str, str]) -> asyncio.Task[Answer]:
        headers = [("x-penstock-priority", priority), *fields]
        task = asyncio.ensure_future(ask(self.gateway.port, "POST", CHAT, headers, chat(text), within=60))
        self.tasks.append(task)
        return task

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(15):
            while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
                await asyncio.sleep(0.005)

    async def holds(self, text: str, priority: str = "normal", *fields: tuple[str, str]) -> asyncio.Task[Answer]:
        """A call that sits at the upstream."""
        task = self.ask(text, priority, *fields)
        await self.until(lambda: text in self.upstream.arrived)
        return task

    async def waits(self, text: str, priority: str = "normal", *fields: tuple[str, str]) -> asyncio.Task[Answer]:
        """A call that waits for a seat."""
        before = self.waiting
        task = self.ask(text, priority, *fields)
        await self.until(lambda: self.waiting > before)
        return task

    @property
    def admitting(self) -> Any:
        return self.gateway.gateway.admitting

    @property
    def waiting(self) -> int:
        return sum(sum(queue["waiting"].values()) for queue in self.admitting.dump()["queues"].values())

    async def reload(self, seats: Any, admission: str = "") -> None:
        self.gateway.path.write_text(CONFIG.format(url=self.url, seats=seats, admission=admission))
        assert (await self.gateway.team.reload())["ok"]

    async def settled(self) -> None:
        """All seats and places have come back."""
        self.upstream.end(*self.upstream.arrived)
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.until(lambda: self.waiting == 0 and self.gateway.gateway.overload.in_flight == 0)
        await self.until(lambda: self.admitting.dump()["door"][0] == 0)
        await self.until(lambda: all(taken == 0 for _, taken, _ in self.admitting.dump()["upstreams"]))


@contextlib.asynccontextmanager
async def house(seats: Any = 1, admission: str = "") -> AsyncIterator[House]:
    upstream = Prefilling()
    with ScriptedUpstream() as server:
        server.answers[CHAT] = upstream
        async with running_gateway(CONFIG.format(url=server.url, seats=seats, admission=admission)) as gateway:
            made = House(gateway, upstream, server.url)
            try:
                yield made
            finally:
                upstream.end("first", "second", "third", *upstream.arrived)


def test_more_than_there_are_seats_for_wait_and_the_best_class_goes_first() -> None:
    async def main() -> None:
        async with house() as one:
            first = await one.holds("first")
            low = await one.waits("low", "low")
            high = await one.waits("high", "high")
            seen = await ask(one.gateway.port, "GET", "/admin/v1/admission")
            (row,) = seen.json()["workers"]
            assert row["upstreams"] == [["up", 1, 1]]
            assert row["queues"]["upstream"]["waiting"] == {"high": 1, "normal": 0, "low": 1, "batch": 0}
            assert row["load"] == 3.0
            one.upstream.end("first")
            await one.until(lambda: one.upstream.arrived == ["first", "high"])
            one.upstream.end("high")
            await one.until(lambda: one.upstream.arrived == ["first", "high", "low"])
            one.upstream.end("low")
            answers = [await task for task in (first, high, low)]
            assert [answer.status for answer in answers] == [200, 200, 200]
            assert "x-penstock-queue-ms" not in answers[0].headers
            assert all(float(answer.headers["x-penstock-queue-ms"]) > 0 for answer in answers[1:])
            assert [answer.headers["x-penstock-queue-position"] for answer in answers[1:]] == ["1", "1"]
            page = await one.gateway.team.metrics()
            assert 'penstock_admission_wait_seconds_count{priority="high"} 1\n' in page
            await one.settled()

    run(main())


def test_who_leaves_while_it_waits_is_never_asked_for() -> None:
    async def main() -> None:
        async with house() as one:
            await one.holds("first")
            leaving = await one.waits("leaving")
            await one.waits("second")
            leaving.cancel()
            await one.until(lambda: one.waiting == 1)
            one.upstream.end("first")
            await one.until(lambda: one.upstream.arrived == ["first", "second"])
            await one.settled()

    run(main())


def test_who_waits_too_long_is_told_when_to_come_back() -> None:
    async def main() -> None:
        async with house(admission="max_wait: 100ms") as one:
            await one.holds("first")
            answer = await one.ask("late")
            assert answer.status == 503
            assert answer.json()["error"]["code"] == "queue_timeout"
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.headers["x-should-retry"] == "true"
            await one.settled()

    run(main())


def test_a_deadline_ends_a_wait() -> None:
    async def main() -> None:
        async with house() as one:
            await one.holds("first")
            answer = await one.ask("hurried", "normal", ("x-penstock-deadline-ms", "150"))
            assert answer.status in (503, 504)
            assert one.upstream.arrived == ["first"]
            await one.settled()

    run(main())


def test_a_full_queue_takes_a_better_call_in_place_of_the_worst_and_refuses_one_that_is_not() -> None:
    async def main() -> None:
        async with house(admission="queue: {calls: 1}") as one:
            await one.holds("first")
            batch = await one.waits("batch", "batch")
            high = one.ask("high", "high")
            shed = await batch
            assert (shed.status, shed.json()["error"]["code"]) == (429, "queue_share")  # all are of one key
            full = await one.ask("low", "low")
            assert full.status in (429, 503)
            assert "retry-after" in full.headers
            one.upstream.end("first")
            await one.until(lambda: "high" in one.upstream.arrived)
            one.upstream.end("high")
            assert (await high).status == 200
            await one.settled()

    run(main())


def test_a_seat_is_taken_from_a_low_call_that_has_had_no_byte_and_it_is_served_later() -> None:
    async def main() -> None:
        async with house() as one:
            low = await one.holds("low", "low")
            high = one.ask("high", "high")
            await one.until(lambda: "high" in one.upstream.arrived)
            assert one.admitting.dump()["preempted"]["low"] == 1
            one.upstream.end("high")
            assert (await high).status == 200
            await one.until(lambda: one.upstream.arrived.count("low") == 2)
            one.upstream.end("low")
            assert (await low).status == 200
            await one.settled()

    run(main())


def test_a_reload_that_gives_more_seats_lets_the_waiting_go_on_and_one_that_limits_nothing_too() -> None:
    async def main() -> None:
        for seats in (3, "null"):
            async with house() as one:
                await one.holds("first")
                await one.waits("second")
                await one.waits("third")
                await one.reload(seats)
                await one.until(lambda house=one: sorted(house.upstream.arrived) == ["first", "second", "third"])
                await one.settled()

    run(main())


def test_at_the_door_calls_wait_with_their_bodies_unread() -> None:
    async def main() -> None:
        async with house(seats="null", admission="limit: 1") as one:
            await one.holds("first")
            second = await one.waits("second")
            bodies = one.gateway.gateway.ledger.accounts["bodies"]
            assert 0 < bodies.held == bodies.peak < 10_000  # that of the first alone
            one.upstream.end("first")
            await one.until(lambda: "second" in one.upstream.arrived)
            one.upstream.end("second")
            assert (await second).status == 200
            await one.settled()

    run(main())


def test_the_waiting_are_told_when_the_gateway_stops() -> None:
    async def main() -> None:
        async with house() as one:
            await one.holds("first")
            second = await one.waits("second")
            await one.gateway.gateway.drain(0.1)
            answer = await second
            assert answer.status == 503
            assert answer.json()["error"]["code"] == "gateway_stopping"

    run(main())


def test_a_class_that_memory_has_no_room_for_is_refused_at_the_door() -> None:
    async def main() -> None:
        async with house() as one:
            one.gateway.gateway.pressure.floor = 1
            answer = await one.ask("low", "low")
            assert (answer.status, answer.json()["error"]["code"]) == (503, "gateway_overloaded")
            assert one.upstream.arrived == []
            one.gateway.gateway.pressure.floor = 3
            await one.settled()

    run(main())


def test_workers_divide_what_is_configured_and_adaptive_limits_begin_somewhere() -> None:
    async def main() -> None:
        async with house(seats="adaptive", admission="limit: adaptive") as one:
            assert one.admitting.dump()["upstreams"] == [["up", 0, 16]]
            gateway = one.gateway.gateway
            text = CONFIG.format(url=one.url, seats=7, admission="limit: 100") + "listen: {workers: 2}\n"
            one.admitting.follow(Config.parse(text, "p.yaml", {}), gateway.upstreams.targets)
            told = one.admitting.dump()
            assert (told["door"], told["upstreams"]) == ([0, 50], [["up", 0, 4]])

    run(main())


@pytest.mark.parametrize("seats", ["0", "-1", "many", "1.5"])
def test_seats_are_a_number_or_adaptive(seats: str) -> None:
    for text in (CONFIG.format(url="http://a/v1", seats=seats, admission=""),
                 CONFIG.format(url="http://a/v1", seats=1, admission=f"limit: {seats}")):  # fmt: skip
        with pytest.raises(ConfigError, match="number of calls"):
            Config.parse(text, "p.yaml", {})

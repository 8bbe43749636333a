import asyncio
from typing import Any

from penstock.core.windows import GAUGES, decoded
from penstock.process.loop import run
from tests.support.gateway import ECHO, Running, ask, running_gateway

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}


def at(act: Any, text: str = ECHO + "auth: {mode: open}\n") -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(60):
            await act(gateway)

    run(main())


async def until(fits: Any) -> None:
    while not fits():  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)


def test_a_worker_reads_itself_at_the_end_of_each_window() -> None:
    async def act(one: Running) -> None:
        watching = one.gateway.watching
        assert watching is not None
        for _ in range(3):
            await ask(one.port, "POST", CHAT, [], BODY)
        first = dict[str, float]()
        await until(
            lambda: first.update(watching.gauges()) or {"loop_lag", "store_latency", "disk_free"} <= first.keys()
        )
        assert first.keys() <= GAUGES.keys()
        expected = {"cpu", "memory", "resident", "loop_lag", "collector_pause", "in_flight", "queued", "streams",
                    "streams_paused", "store_waiting", "store_latency", "disk_free", "disk_latency", "cache_bytes",
                    "cache_entries", "held_bytes", "events_dropped", "events_delayed"}  # fmt: skip
        assert expected <= first.keys()
        assert 0 < first["memory"] < 1
        assert first["resident"] > 1 << 20
        assert 0 <= first["disk_free"] <= 1
        assert first["disk_latency"] > 0
        assert first["in_flight"] == 0

    at(act)


def test_what_was_read_goes_into_the_window_and_onto_the_page() -> None:
    async def act(one: Running) -> None:
        watching, clock = one.gateway.watching, one.gateway.clock
        assert watching is not None
        wall = clock.wall
        clock.wall = lambda: wall() + 30.0  # type: ignore[method-assign]
        watching.flush()
        (window,) = [decoded(text) for text in await watching.windows(0.0)][-1:]
        assert window.gauges == watching.last_gauges
        assert window.gauges["resident"] > 0
        page = (await ask(one.port, "GET", "/metrics")).body.decode()
        assert 'penstock_memory_used_ratio{worker="0"} 0.' in page

    at(act)


def test_a_loop_that_is_held_up_is_seen() -> None:
    async def act(one: Running) -> None:
        import time

        watching = one.gateway.watching
        assert watching is not None
        watching.gauges()
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - this is the fault
        seen = dict[str, float]()
        await until(lambda: seen.update(watching.gauges()) or seen.get("loop_lag", 0.0) > 0.1)

    at(act)


def test_a_call_that_is_timed_shows_its_rooms() -> None:
    async def act(one: Running) -> None:
        for _ in range(2):
            await ask(one.port, "POST", CHAT, [], BODY | {"stream": True})
        second, first = (await ask(one.port, "GET", "/admin/v1/calls?count=2")).json()["calls"]
        assert second["rooms"] is None, "one in 64"
        names = [name for name, _ in first["rooms"]]
        assert names[:2] == ["edge", "auth"]
        assert names[-2:] == ["routing", "answer"]
        assert abs(sum(seconds for _, seconds in first["rooms"]) - first["seconds"]) < 1e-6

    at(act)

import asyncio
from typing import Any

import pytest

from penstock.assemble_engines import EMBEDDINGS, engine_key
from penstock.core.errors import UpstreamError
from penstock.process.far_engine import FRESH_SECONDS, FarEngine, FarEngines
from penstock.process.link import LinkError
from penstock.routing.upstream_config import UpstreamConfig


class Supervisor:
    """Tells of ``seats``; ``asked`` counts."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.trouble = ""
        self.gone = False
        self.asked: list[Any] = []

    async def ask(self, name: str, value: Any = None) -> Any:
        self.asked.append((name, value))
        await asyncio.sleep(0)
        if self.gone:
            raise LinkError("the other side is gone")
        seats = [{"base_url": f"http://{key}", "api_key": key} for key in self.keys]
        return {"seats": seats, "trouble": self.trouble}


class Bench:
    def __init__(self, *keys: str) -> None:
        self.now = 100.0
        self.there = Supervisor(*keys)
        self.engine = FarEngine("local", "local 1", self.there.ask, lambda: self.now)

    async def pick(self) -> Any:
        return await self.engine.pick(self.now)


def test_the_least_busy_seat_of_this_worker() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        first = await bench.pick()
        first.enter()
        second = await bench.pick()
        assert (first.base_url, second.base_url) == ("http://a", "http://b")
        second.enter()
        second.enter()
        assert await bench.pick() is first
        assert bench.there.asked == [("seats", "local 1")]

    asyncio.run(main())


def test_it_asks_again_when_what_it_knows_is_old_and_seats_keep_their_counts() -> None:
    async def main() -> None:
        bench = Bench("a")
        seat = await bench.pick()
        seat.enter()
        bench.there.keys = ["b", "a"]
        bench.now += FRESH_SECONDS
        assert (await bench.pick()).api_key == "b"
        assert seat.in_flight == 1
        bench.there.keys = ["a"]
        bench.now += FRESH_SECONDS
        assert await bench.pick() is seat
        assert len(bench.there.asked) == 3

    asyncio.run(main())


def test_many_at_once_ask_once() -> None:
    async def main() -> None:
        bench = Bench("a")
        await asyncio.gather(*(bench.pick() for _ in range(50)))
        assert len(bench.there.asked) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("trouble", "gone", "words"),
    [("", False, "it is being loaded"), ("no weights", False, "no weights"), ("", True, "the other side is gone")],
)
def test_without_a_seat_it_says_why(trouble: str, gone: bool, words: str) -> None:
    bench = Bench()
    bench.there.trouble, bench.there.gone = trouble, gone
    with pytest.raises(UpstreamError, match=f"not ready: {words}") as caught:
        asyncio.run(bench.pick())
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (503, "engine_starting", True)


def test_it_waits_for_a_first_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()

    async def sleep(seconds: float) -> None:
        assert 0 < seconds <= 5.0
        bench.now += seconds
        bench.there.keys = ["a"]

    async def main() -> None:
        first = asyncio.sleep
        bench.there.ask = bench.there.ask  # asks through the real sleep
        monkeypatch.setattr("penstock.process.far_engine.asyncio.sleep", lambda s: sleep(s) if s else first(0))
        seat = await bench.engine.pick(bench.now + 5.0)
        assert seat.api_key == "a"

    asyncio.run(main())


def test_seats_known_stay_in_use_while_the_supervisor_is_silent() -> None:
    async def main() -> None:
        bench = Bench("a")
        seat = await bench.pick()
        bench.there.gone = True
        bench.now += FRESH_SECONDS
        assert await bench.pick() is seat

    asyncio.run(main())


def test_an_engine_is_asked_for_by_its_settings_and_never_ended_from_here() -> None:
    async def main() -> None:
        there = Supervisor("a")
        plain = UpstreamConfig(kind="local", model="smollm2")
        engines = FarEngines(there.ask)
        for config in (plain, UpstreamConfig(kind="local", model="smollm2", threads=2)):
            engine = engines.engine("local", config)
            await engine.pick(0.0)
            await engine.aclose()
            assert (await engine.pick(0.0)).api_key == "a"
        await engines.embedder("local", plain).pick(0.0)
        keys = [value for _, value in there.asked]
        assert keys[0] == engine_key("local", plain)
        assert keys[-1] == engine_key("local", plain) + EMBEDDINGS
        assert len(set(keys)) == 3

    asyncio.run(main())


def test_it_is_told_where_calls_still_are_also_at_seats_that_are_no_more() -> None:
    async def main() -> None:
        there = Supervisor("a", "b")
        engines = FarEngines(there.ask)
        config = UpstreamConfig(kind="local")
        engine, embedder = engines.engine("e", config), engines.embedder("e", config)
        assert engines.busy() == []
        seat = await engine.pick(0.0)
        seat.enter()
        (await embedder.pick(0.0)).enter()
        assert engines.busy() == ["http://a"]
        there.keys = ["b"]
        engine._fresh_until = 0.0
        other = await engine.pick(0.0)
        assert other.base_url == "http://b"
        embedder = None
        other.enter()
        assert engines.busy() == ["http://a", "http://b"]
        seat.leave()
        assert engines.busy() == ["http://b"]

    asyncio.run(main())

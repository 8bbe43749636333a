import asyncio
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from penstock import assemble_watching
from penstock.assemble_watching import Watching
from penstock.config import Config
from penstock.core.clock import FakeClock
from penstock.core.windows import SPAN, Window
from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, ask, running_gateway
from tests.support.windows import finished

START = 1_800_000_000.0


@pytest.fixture
def no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble_watching, "PARTS", ())


class Workers:
    """As many, and the fleet through which the first asks all. Those in ``silent`` do not answer."""

    def __init__(self, number: int) -> None:
        self.clock = FakeClock(wall=START)
        self.silent: set[int] = set()
        self.asked: list[float] = []
        self.all = [self._made(worker) for worker in range(number)]
        self.taken: list[Window] = []
        self.all[0].takers.append(self.taken.append)

    def _made(self, number: int) -> Watching:
        gateway: Any = SimpleNamespace(clock=self.clock, number=number, fleet=self, observed=None)
        return Watching(gateway)

    async def windows(self, after: float) -> list[str]:
        """As a Fleet."""
        self.asked.append(after)
        heard = [worker for number, worker in enumerate(self.all) if number not in self.silent]
        return [text for worker in heard for text in await worker.windows(after)]

    def call(self, worker: int, times: int = 1) -> None:
        self.all[worker].tally.take([finished(at=self.clock.wall())] * times)

    def span(self) -> None:
        """Ten seconds go by; all end their windows."""
        self.clock.advance(SPAN)
        for worker in self.all:
            worker.flush()

    def gather(self) -> list[tuple[float, int]]:
        """What the takers were given by it: the span and its calls."""
        self.taken.clear()
        asyncio.run(self.all[0].gather())
        return [((window.start - START) / SPAN, window.calls) for window in self.taken]


@pytest.mark.usefixtures("no_parts")
class TestGathering:
    def test_windows_of_all_workers_are_joined(self) -> None:
        workers = Workers(3)
        for worker in range(3):
            workers.call(worker, worker + 1)
            workers.all[worker].gauges = lambda worker=worker: {"in_flight": worker}  # type: ignore[misc]
        assert workers.gather() == [], "the window is not over"
        workers.span()
        assert workers.gather() == [(0, 6)]
        assert workers.taken[0].gauges == {"in_flight": 3}
        assert workers.gather() == [], "each once"

    def test_a_worker_that_is_late_counts_in_the_next_window(self) -> None:
        workers = Workers(2)
        for worker in (0, 1):
            workers.call(worker)
        workers.span()
        assert workers.gather() == [(0, 2)]
        workers.call(0)
        workers.call(1, 7)
        workers.span()
        workers.silent = {1}
        assert workers.gather() == [(1, 1)]
        workers.silent = set()
        workers.call(0)
        workers.call(1)
        workers.span()
        assert workers.gather() == [(2, 9)]

    def test_a_leader_that_was_held_up_gives_every_window(self) -> None:
        workers = Workers(2)
        for _ in range(4):
            workers.call(0)
            workers.call(1)
            workers.span()
        assert workers.gather() == [(0, 2), (1, 2), (2, 2), (3, 2)]

    def test_windows_that_come_twice_count_once(self) -> None:
        workers = Workers(2)
        workers.call(1, 3)
        workers.span()
        once = workers.windows

        async def twice(after: float) -> list[str]:
            return [*await once(after), *await once(0.0)]

        workers.windows = twice  # type: ignore[method-assign]
        assert workers.gather() == [(0, 3)]
        assert workers.gather() == []

    def test_a_worker_that_was_there_before_the_leader_counts(self) -> None:
        workers = Workers(2)
        workers.call(1, 4)
        workers.clock.advance(SPAN)
        workers.all[0] = workers._made(0)
        workers.all[0].takers.append(workers.taken.append)
        workers.call(0)
        workers.span()
        assert workers.gather() == [(0, 4), (1, 1)]

    def test_a_taker_that_fails_does_not_hurt_others(self, caplog: pytest.LogCaptureFixture) -> None:
        workers = Workers(1)

        def fails(window: Window) -> None:
            raise RuntimeError("of this one alone")

        workers.all[0].takers.insert(0, fails)
        workers.call(0)
        workers.span()
        assert workers.gather() == [(0, 1)]
        assert "of this one alone" in caplog.text
        assert "fails" in caplog.text

    def test_what_is_not_there_is_told(self) -> None:
        told = asyncio.run(Workers(1).all[0].answer("cost", {}))
        assert told == {"status": 404, "code": "not_found", "problems": ["cost is not installed here"]}

    def test_only_the_first_leads(self) -> None:
        assert [worker.leads for worker in Workers(3).all] == [True, False, False]


class Fake:
    """A part."""

    def __init__(self, watching: Watching) -> None:
        self.opened = 0
        self.followed: list[Config] = []
        self.windows: list[Window] = []
        watching.takers.append(self.windows.append)

    def open(self) -> None:
        self.opened += 1

    def follow(self, config: Config) -> None:
        self.followed.append(config)


def test_parts_are_made_opened_and_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Fake] = []

    def part(watching: Watching) -> Fake:
        made.append(Fake(watching))
        return made[-1]

    parts: tuple[Callable[[Watching], Any], ...] = (lambda watching: None, part)
    monkeypatch.setattr(assemble_watching, "PARTS", parts)

    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway, asyncio.timeout(60):
            (fake,) = made
            assert (fake.opened, len(fake.followed)) == (1, 1)
            await gateway.team.reload()
            assert (fake.opened, len(fake.followed)) == (1, 2)

    run(main())


def test_calls_come_to_the_takers_through_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is moved on by hand: nothing waits for ten seconds to pass."""

    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway, asyncio.timeout(60):
            watching = gateway.gateway.watching
            assert watching is not None
            taken: list[Window] = []
            watching.takers.append(taken.append)
            body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
            for _ in range(3):
                await ask(gateway.port, "POST", "/v1/chat/completions", [], body)
            observed = gateway.gateway.observed
            assert observed is not None
            observed.hand_on()
            watching.tally.close(watching.tally.start + SPAN, {})
            await watching.gather()
            calls = Counter[tuple[str, str]]()
            for group in [group for window in taken for group in window.groups]:
                calls[group.model, group.upstream] += group.calls
            assert calls == {("echo", "echo"): 3}

    run(main())

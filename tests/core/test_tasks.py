import asyncio
import logging
from collections.abc import Iterator

import pytest

from penstock.core.tasks import Crew
from penstock.process.loop import run


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("penstock")
    propagate, logger.propagate = logger.propagate, True
    yield caplog
    logger.propagate = propagate


def test_a_task_is_kept_named_and_forgotten_when_it_ends() -> None:
    async def main() -> None:
        crew = Crew("crew")
        task = crew.spawn(asyncio.sleep(0, "slept"), "sleeper")
        assert task.get_name() == "crew:sleeper"
        assert "1 tasks" in repr(crew)
        assert await task == "slept"
        await asyncio.sleep(0)
        assert "0 tasks" in repr(crew)

    run(main())


def test_a_task_that_fails_is_logged(told: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise KeyError("told")

    async def main() -> None:
        crew = Crew("crew")
        task = crew.spawn(fail(), "failing")
        await asyncio.wait({task})
        await asyncio.sleep(0)

    run(main())
    assert "crew:failing" in told.text
    assert "told" in told.text


def test_closing_waits_for_the_clean_up_of_all() -> None:
    async def main() -> None:
        crew = Crew("crew")
        cleaned: list[int] = []

        async def work(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(0.001)
                cleaned.append(number)
                if number == 1:
                    raise ZeroDivisionError

        for number in range(3):
            crew.spawn(work(number), "work")
        await asyncio.sleep(0)
        await crew.aclose()
        assert sorted(cleaned) == [0, 1, 2]

    logging.getLogger("penstock").disabled = True
    try:
        run(main())
    finally:
        logging.getLogger("penstock").disabled = False


def test_a_task_may_close_its_own_crew() -> None:
    async def main() -> None:
        crew = Crew("crew")
        done = asyncio.Event()

        async def close() -> None:
            await crew.aclose()
            done.set()

        crew.spawn(close(), "closer")
        async with asyncio.timeout(5):
            await done.wait()

    run(main())


class Failing:
    """A service that fails so many times, then runs on."""

    name = "failing"

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.runs = 0
        self.running = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.failures:
            raise KeyError("service down")
        self.running.set()
        await asyncio.sleep(100)


def test_a_service_that_fails_is_started_again(told: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        crew = Crew("crew")
        service = Failing(3)
        crew.supervise(service, first_pause=0.001, longest_pause=0.002)
        async with asyncio.timeout(5):
            await service.running.wait()
        assert service.runs == 4
        await crew.aclose()

    run(main())
    assert told.text.count("service failing failed") == 3


def test_pauses_between_failures_double_up_to_the_longest(
    told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def main() -> None:
        sleep = asyncio.sleep

        async def note(seconds: float) -> None:
            pauses.append(seconds)
            await sleep(0)

        crew = Crew("crew")
        service = Failing(8)
        monkeypatch.setattr("penstock.core.tasks.asyncio.sleep", note)
        crew.supervise(service, first_pause=1.0, longest_pause=16.0)
        await service.running.wait()
        monkeypatch.undo()
        await crew.aclose()

    run(main())
    for pause, usual in zip(pauses[:8], [1, 2, 4, 8, 16, 16, 16, 16], strict=True):
        assert 0.8 * usual <= pause <= 1.2 * usual


def test_a_service_that_ends_in_order_is_not_started_again() -> None:
    class Once:
        name = "once"
        runs = 0

        async def run(self) -> None:
            self.runs += 1

    async def main() -> int:
        crew = Crew("crew")
        service = Once()
        crew.supervise(service)
        for _ in range(5):
            await asyncio.sleep(0)
        await crew.aclose()
        return service.runs

    assert run(main()) == 1

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.core.tasks import Crew
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.driver import service
from penstock.scaling.actuators.ray.driver.service import Driver, Drivers
from tests.scaling.actuators.ray.orders import fake_environment, order, ran, runs


@asynccontextmanager
async def driving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    for name, value in fake_environment(folder).items():
        monkeypatch.setenv(name, value)
    crew = Crew("test")
    driver = Driver(crew, "head:6379", "penstock")
    try:
        yield driver
    finally:
        await driver.aclose()
        await crew.aclose()


def pid(driver: Driver) -> int:
    assert driver._process is not None
    return driver._process.pid


@ran
async def test_it_joins_when_it_is_first_asked_and_ends_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving(tmp_path, monkeypatch) as driver:
        assert "away" in repr(driver)
        assert (await driver.ask("look"))["replicas"] == []
        assert (tmp_path / "joined").read_text() == "head:6379 penstock"
        assert driver.cluster["nodes"] == 2
        number = pid(driver)
    assert not runs(number)


@ran
async def test_a_crash_is_told_with_its_last_words_and_the_next_question_joins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving(tmp_path, monkeypatch) as driver:
        await driver.ask("look")
        await driver.ask("start", order())
        (tmp_path / "crash").write_text("")
        with pytest.raises(ActuatorError, match=r"head:6379 was lost .*SIGSEGV"):
            await driver.ask("look")
        (tmp_path / "crash").unlink()
        assert (await driver.ask("look"))["replicas"] == []
        os.kill(pid(driver), signal.SIGKILL)
        with pytest.raises(ActuatorError, match="joined again"):
            await driver.ask("look")
        await driver.ask("look")


@ran
async def test_one_that_hangs_is_ended_and_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ANSWER_SECONDS", 0.3)
    async with driving(tmp_path, monkeypatch) as driver:
        await driver.ask("start", order())
        number = pid(driver)
        (tmp_path / "hang").write_text("")
        with pytest.raises(ActuatorError, match=r"did not answer within 0.3 s"):
            await driver.ask("look")
        assert not runs(number)


@ran
async def test_a_cluster_that_cannot_be_joined_is_not_asked_at_every_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "init").write_text("Version mismatch: started with:\n    Ray: 1.0\n    Python: 3.8.1\n")
    async with driving(tmp_path, monkeypatch) as driver:
        for _ in range(2):
            with pytest.raises(ActuatorError, match=r"it runs Ray 1.0 on Python 3.8.1, this gateway has Ray 9.9.9"):
                await driver.ask("look")
            (tmp_path / "init").unlink(missing_ok=True)  # the second time it is remembered
        monkeypatch.setattr(driver, "_again", 0.0)
        assert (await driver.ask("look"))["free"] == {"CPU": 3.0}


@ran
async def test_who_gives_up_waiting_leaves_no_answer_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving(tmp_path, monkeypatch) as driver:
        await driver.ask("look")
        asked = asyncio.create_task(driver.ask("look"))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await driver.ask("end", {"name": "p/none"}) == {}
        assert "free" in await driver.ask("look")


@ran
async def test_let_go_while_it_joins_it_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def seen(*given: Any, **named: Any) -> asyncio.subprocess.Process:
        began.append(await create(*given, **named))
        return began[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", seen)
    for turns in range(0, 24, 3):  # of the loop: before it is asked, while its process begins, while it joins
        async with driving(tmp_path, monkeypatch) as driver:
            asked = asyncio.create_task(driver.ask("look"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await driver.aclose()
            with pytest.raises(ActuatorError, match=r"was let go|was lost"):
                await asked
            with pytest.raises(ActuatorError, match="was let go"):
                await driver.ask("look")
        assert all(one.returncode is not None for one in began)
    assert began


@ran
async def test_pools_of_one_cluster_share_it_until_the_last_has_gone() -> None:
    drivers = Drivers(Crew("test"))
    first = drivers.take("a", "n")
    assert drivers.take("a", "n") is first
    assert drivers.take("a", "other") is not first
    await drivers.give_back("a", "n")
    assert drivers.take("a", "n") is first
    await drivers.give_back("a", "n")
    await drivers.give_back("a", "n")
    assert drivers.take("a", "n") is not first

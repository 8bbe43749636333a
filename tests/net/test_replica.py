import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from penstock.net import replica as module
from penstock.net.replica import Pace, Replica

PYTHON = sys.executable
FAKE = str(Path(__file__).with_name("fake_server.py"))
QUICK = Pace(load=5, check=0.05, answer=1.0, strikes=3, first_pause=0.02, longest_pause=0.05, grace=0.5, drain=2)


def gone(*pids: int, within: float = 20.0) -> bool:
    until = time.monotonic() + within
    while True:
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids if psutil.pid_exists(pid)):
                if time.monotonic() > until:
                    return False
                time.sleep(0.01)
                continue
        return True


async def until(what: Callable[[], object], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not what():  # noqa: ASYNC110 (what other processes do sets no event)
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(part: Replica) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(part.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """While this file exists, a fake server hangs."""
    return tmp_path / "stuck"


def replica(*argv: str, pace: Pace = QUICK) -> Replica:
    return Replica("test/0", [PYTHON, *argv], os.environ, pace, lambda: None)


def hang(stuck: Path) -> None:
    stuck.touch()


def recover(stuck: Path) -> None:
    stuck.unlink()


def test_a_replica_is_back_after_a_kill_with_another_key(stuck: Path) -> None:
    async def main() -> None:
        one = replica(FAKE, str(stuck))
        async with running(one):
            await until(lambda: one.ready)
            pid, key = one.pid, one.api_key
            os.kill(pid, signal.SIGKILL)
            await until(lambda: not one.ready)
            assert "SIGKILL" in one.trouble or one.trouble == ""
            await until(lambda: one.ready)
            assert (one.starts, one.trouble) == (2, "")
            assert one.pid != pid
            assert one.api_key != key
            assert 0 < one.load_seconds < 10
            last = one.pid
        assert not one.ready
        assert gone(pid, last, within=0.0)

    asyncio.run(main())


def test_a_hung_replica_is_replaced(stuck: Path) -> None:
    async def main() -> None:
        one = replica(FAKE, str(stuck))
        async with running(one):
            await until(lambda: one.ready)
            pid = one.pid
            hang(stuck)
            await until(lambda: one.starts == 2)
            recover(stuck)
            await until(lambda: one.ready)
            assert gone(pid, within=0.0)

    asyncio.run(main())


def test_a_busy_replica_is_not_taken_for_a_hung_one(stuck: Path) -> None:
    async def main() -> None:
        one = replica(FAKE, str(stuck))
        async with running(one):
            await until(lambda: one.ready)
            hang(stuck)
            end = time.monotonic() + 2 * QUICK.strikes * (QUICK.check * 1.2 + QUICK.answer)
            while time.monotonic() < end:
                one.enter()
                one.leave()
                await asyncio.sleep(0.01)
            assert one.starts == 1

    asyncio.run(main())


def test_a_crash_loop_is_reported_once_with_the_last_words(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        one = replica("-c", "import sys; sys.exit('no room for the tensors')")
        async with running(one):
            await until(lambda: one.starts > QUICK.loop + 2)

    with caplog.at_level(logging.WARNING, "penstock.replica"):
        asyncio.run(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * (QUICK.loop - 1) + ["ERROR"]
    assert "no room for the tensors" in caplog.records[-1].message
    assert "status 1" in caplog.records[-1].message


def test_a_load_without_end_is_cut_off() -> None:
    async def main() -> None:
        one = replica("-c", "import time; time.sleep(60)", pace=Pace(load=0.1, first_pause=5, longest_pause=5))
        async with running(one):
            await until(lambda: "not ready within" in one.trouble)
            await until(lambda: one._backoff.failures == 1)

    asyncio.run(main())


def test_a_program_that_cannot_be_started_does_not_end_the_service() -> None:
    async def main() -> None:
        one = Replica("test/0", ["/nowhere/engine"], {}, QUICK, lambda: None)
        async with running(one) as task:
            await until(lambda: one.starts >= 3)
            assert "cannot be started" in one.trouble
            assert not task.done()

    asyncio.run(main())


@pytest.mark.parametrize(("status", "word"), [(-signal.SIGILL, "AVX2"), (-signal.SIGKILL, "SIGKILL"), (3, "status 3")])
def test_the_cause_is_told(status: int, word: str) -> None:
    assert word in module._cause(status)

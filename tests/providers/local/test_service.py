import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from penstock.core.errors import UpstreamError
from penstock.net.replica import Pace, Replica
from penstock.providers.local import service
from penstock.providers.local.engine import EngineOptions
from penstock.providers.local.service import LocalEngine

PYTHON = sys.executable
FAKE = str(Path(__file__).parents[2] / "net" / "fake_server.py")
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
async def running(part: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(part.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


def test_what_an_engine_may_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "PATH" in service.engine_environment()
    assert "sk-secret" not in service.engine_environment().values()


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., LocalEngine]:
    """Makes a LocalEngine whose engines are fakes."""
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(service, "command", lambda options, path: [PYTHON, FAKE, str(tmp_path / "stuck")])
    monkeypatch.setattr("penstock.providers.local.engine.installed", lambda: True)

    def make(minimum: int = 1, maximum: int = 1, model: str = "m.gguf") -> LocalEngine:
        path = str(tmp_path / model)
        return LocalEngine("local", EngineOptions(), model=path, minimum=minimum, maximum=maximum, pace=QUICK)

    return make


def test_pick_takes_the_least_busy_and_the_eldest_of_equals(faked: Callable[..., LocalEngine]) -> None:
    async def main() -> None:
        engine = faked(2, 2)
        async with running(engine):
            await until(lambda: len(engine.replicas) == 2 and all(one.ready for one in engine.replicas))
            first, second = engine.replicas
            now = time.monotonic()
            assert await engine.pick(now) is first
            first.enter()
            assert await engine.pick(now) is second
            second.enter()
            assert await engine.pick(now) is first
            assert "2/2 ready" in repr(engine)
            pids = [first.pid, second.pid]
        assert engine.replicas == []
        assert gone(*pids, within=0.0)

    asyncio.run(main())


def test_pick_waits_for_the_first_and_gives_up_in_time(faked: Callable[..., LocalEngine], tmp_path: Path) -> None:
    async def main() -> None:
        engine = faked(model="later.gguf")
        async with running(engine):
            began = time.monotonic()
            with pytest.raises(UpstreamError, match=r"later\.gguf") as caught:
                await engine.pick(began + 0.2)
            assert 0.2 <= time.monotonic() - began < 2
            fail = caught.value
            assert (fail.status, fail.code, fail.retry_after, fail.retryable) == (503, "engine_starting", 1.0, True)
            waiting = asyncio.create_task(engine.pick(time.monotonic() + 20))
            (tmp_path / "later.gguf").write_bytes(b"GGUF")
            assert (await waiting).ready
            assert engine.trouble == ""

    asyncio.run(main())


def test_scaling_stays_in_bounds_and_lets_calls_finish(faked: Callable[..., LocalEngine]) -> None:
    async def main() -> None:
        engine = faked(1, 3)
        async with running(engine):
            await until(lambda: engine.replicas)
            assert engine.scale(99) == 3
            await until(lambda: all(one.ready for one in engine.replicas))
            assert len({one.pid for one in engine.replicas}) == 3
            busy = engine.replicas[2]
            busy.enter()
            pids = [one.pid for one in engine.replicas]
            assert engine.scale(0) == 1
            await until(lambda: not psutil.pid_exists(pids[1]))
            assert busy.ready
            assert await engine.pick(time.monotonic()) is engine.replicas[0]
            busy.leave()
            await until(lambda: not psutil.pid_exists(pids[2]))
            assert engine.replicas[0].pid == pids[0]

    asyncio.run(main())


def test_one_that_goes_waits_for_calls_of_other_processes(faked: Callable[..., LocalEngine]) -> None:
    async def main() -> None:
        engine, asked = faked(1, 2), list[str]()
        used = True

        async def elsewhere(base_url: str) -> bool:
            asked.append(base_url)
            return used

        engine.elsewhere = elsewhere
        async with running(engine):
            await until(lambda: engine.replicas)
            engine.scale(2)
            await until(lambda: all(one.ready for one in engine.replicas))
            going = engine.replicas[1]
            url, pid = going.base_url, going.pid
            engine.scale(1)
            await until(lambda: asked)
            assert psutil.pid_exists(pid)
            used = False
            await until(lambda: not psutil.pid_exists(pid))
            assert set(asked) == {url}

    asyncio.run(main())


@pytest.mark.parametrize("model", ["m.gguf", "missing.gguf"])
def test_closing_ends_it_for_good(faked: Callable[..., LocalEngine], model: str) -> None:
    async def main() -> None:
        engine = faked(model=model)
        async with running(engine) as life:
            await until(lambda: (engine.replicas and engine.replicas[0].ready) or engine.trouble)
            pids = [one.pid for one in engine.replicas]
            await engine.aclose()
            await engine.aclose()
            assert life.done()
            assert gone(*pids, within=0.0)
        unstarted = faked()
        await unstarted.aclose()
        await unstarted.run()
        assert unstarted.replicas == []

    asyncio.run(main())


def test_scaling_before_the_weights_are_here_only_notes_the_wish(faked: Callable[..., LocalEngine]) -> None:
    engine = faked(1, 3)
    assert engine.scale(2) == 2
    assert engine.replicas == []
    with pytest.raises(ValueError, match="min"):
        faked(3, 2)


def client(one: Replica) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=one.base_url, api_key=one.api_key, max_retries=0, timeout=30)


def question(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "smollm2", "messages": [{"role": "user", "content": text}], "temperature": 0, **more}


def real(weights: str, replicas: int = 1, **options: Any) -> LocalEngine:
    pace = Pace(check=0.5, first_pause=0.1, longest_pause=0.2)
    return LocalEngine("local", EngineOptions(**options), model=weights, minimum=replicas, maximum=replicas, pace=pace)


@pytest.mark.local
def test_one_of_two_replicas_is_killed(weights: str) -> None:
    async def main() -> None:
        engine = real(weights, replicas=2)
        async with running(engine):
            await until(lambda: len(engine.replicas) == 2 and all(one.ready for one in engine.replicas), within=60)
            first, second = engine.replicas
            async with client(first) as doomed, client(second) as api:
                story = question("Tell me a long story.", max_tokens=1000)
                lost = await doomed.chat.completions.create(**story, stream=True)
                await anext(aiter(lost))
                os.kill(first.pid, signal.SIGKILL)
                await until(lambda: not first.ready)
                assert await engine.pick(time.monotonic()) is second
                answer = await api.chat.completions.create(**question("What is 2+2?", max_tokens=8))
                assert answer.choices[0].message.content
                assert second.starts == 1
                await lost.close()
            await until(lambda: first.ready)
            assert first.starts == 2
            async with client(first) as api:
                answer = await api.chat.completions.create(**question("What is 2+2?", max_tokens=8))
                assert answer.choices[0].message.content

    asyncio.run(main())


OWNER = """
import asyncio, json, sys, time
from penstock.providers.local.service import *
async def main():
    engine = LocalEngine("local", EngineOptions(), model=sys.argv[1], minimum=2, maximum=2)
    task = asyncio.create_task(engine.run())
    await engine.pick(time.monotonic() + 60)
    while not all(one.ready for one in engine.replicas):
        await asyncio.sleep(0.01)
    print(json.dumps([one.pid for one in engine.replicas]), flush=True)
    await task
asyncio.run(main())
"""


@pytest.mark.local
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_engine_outlives_its_owner(weights: str, number: signal.Signals) -> None:
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([PYTHON, "-c", OWNER, weights], **quiet) as owner:  # type: ignore[call-overload]
        assert owner.stdout is not None
        pids = json.loads(owner.stdout.readline())
        assert all(psutil.pid_exists(pid) for pid in pids)
        owner.send_signal(number)
        owner.wait(20)
    assert gone(*pids)


def test_those_of_another_size_go_by_name_when_their_successors_are_there(faked: Callable[..., LocalEngine]) -> None:
    async def main() -> None:
        engine = faked(1, 3)
        async with running(engine):
            await until(lambda: engine.replicas)
            engine.scale(2)
            await until(lambda: all(one.ready for one in engine.replicas))
            first = engine.replicas[0]
            busy = first.pid
            assert engine.resize({"slots": 4}, dry_run=True) == {"slots": 4, "context": 4096, "threads": 1}
            assert not engine.is_stale(first.name)
            engine.resize({"slots": 4})
            assert engine.size["slots"] == 4
            assert [engine.is_stale(one.name) for one in engine.replicas] == [True, True]
            engine.scale(3)
            assert [engine.is_stale(one.name) for one in engine.replicas] == [True, True, False]
            first.enter()
            engine.scale(2, [first.name])
            assert first not in engine.replicas
            assert psutil.pid_exists(busy), "its calls end first"
            first.leave()
            await until(lambda: not psutil.pid_exists(busy))
            assert [engine.is_stale(one.name) for one in engine.replicas] == [True, False]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ({"slots": 49}, "slots 49: an embedded engine takes 48 calls at once at most"),
        ({"context": 64}, "context 64: an embedded engine needs 128 tokens at least"),
        ({"threads": 100_000}, "threads 100000: this machine has"),
        ({"slots": 0}, "slots must be at least 1"),
    ],
)
def test_a_size_that_cannot_be_is_refused(faked: Callable[..., LocalEngine], size: dict[str, int], says: str) -> None:
    engine = faked()
    with pytest.raises(ValueError, match=says):
        engine.resize(size)
    assert engine.options == EngineOptions()

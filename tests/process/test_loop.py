import asyncio
import gc
import resource
import subprocess
import sys

import pytest

from penstock.net.loop.event_loop import EventLoop
from penstock.process import loop as module
from penstock.process.loop import raise_descriptor_limit, run, settle_collector


def test_it_runs_on_our_loop_with_all_the_descriptors_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import asyncio, resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))\n"
        "from penstock.process.loop import run\n"
        "async def main(): return type(asyncio.get_running_loop()).__module__\n"
        "print(run(main()), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    folder = module.__file__.rpartition("/penstock/")[0]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r})\n{program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["penstock.net.loop.event_loop", "256", "256"]


def test_its_result_is_returned_and_its_error_raised() -> None:
    async def work(fails: bool) -> int:
        assert isinstance(asyncio.get_running_loop(), EventLoop)
        if fails:
            raise KeyError("x")
        return 7

    assert run(work(False)) == 7
    with pytest.raises(KeyError):
        run(work(True))


def test_a_limit_that_may_not_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_descriptor_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_what_is_here_is_not_looked_at_again() -> None:
    thresholds = gc.get_threshold()
    try:
        settle_collector()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[0] == 50_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.net.children import MAX_LINE_BYTES, STDERR, STDOUT, Backoff, Lines, leashed, spawn
from tests.support.loops import LOOPS, Run

PYTHON = sys.executable


GUARDED = pytest.mark.parametrize("grace", [None, 5.0], ids=["leashed", "guarded"])


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(*pids: int, within: float = 20.0) -> bool:
    until = time.monotonic() + within
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


async def first_line(argv: list[str], **given: Any) -> tuple[Any, str]:
    """A child and the first line of its standard output."""
    line: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def heard(fd: int, text: str) -> None:
        if fd == STDOUT and not line.done():
            line.set_result(text)

    child = await spawn(argv, name="test", on_line=heard, **given)
    return child, await asyncio.wait_for(line, 10)


def test_lines_of_both_pipes_and_the_exit_status(run: Run) -> None:
    async def main() -> None:
        heard: list[tuple[int, str]] = []
        code = "import sys; print('out'); print('one\\ntwo\\nthree', file=sys.stderr); print('x', end=''); exit(7)"
        child = await spawn(
            [PYTHON, "-c", code], name="test", on_line=lambda fd, s: heard.append((fd, s)), keep_lines=2
        )
        assert await child.wait() == 7
        assert [s for fd, s in heard if fd == STDOUT] == ["out", "x"]
        assert [s for fd, s in heard if fd == STDERR] == ["one", "two", "three"]
        assert child.last_lines() == ["two", "three"]
        assert not child.running
        assert "exit 7" in repr(child)

    run(main())


def test_the_command_gets_the_given_environment_and_default_signals(run: Run) -> None:
    async def main() -> None:
        code = "import os; print(sorted(k for k in os.environ if k not in ('LC_CTYPE', '__CF_USER_TEXT_ENCODING')))"
        child, line = await first_line([PYTHON, "-c", code], env={"PATH": os.environ["PATH"], "GIVEN": "1"})
        assert line == "['GIVEN', 'PATH']"
        await child.wait()
        child, line = await first_line(["sh", "-c", "trap; grep SigIgn /proc/self/status || echo SigIgn: 0"])
        assert int(line.split()[-1], 16) & 0x7FFFFFFF == 0  # 1 to 31; those beyond are the C library's own
        await child.wait()

    run(main())


def test_a_command_that_is_not_there_or_not_executable(run: Run, tmp_path: Any) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError, match="no such command"):
            await spawn(["/nowhere/at-all"], name="test")
        plain = tmp_path / "plain"
        plain.write_text("text")
        with pytest.raises(PermissionError, match="not executable"):
            await spawn([str(plain)], name="test")

    run(main())


@GUARDED
def test_stop_is_gentle_first(run: Run, grace: float | None) -> None:
    async def main() -> None:
        code = "import signal, time; signal.signal(15, lambda *_: exit(5)); print('on', flush=True); time.sleep(60)"
        child, _ = await first_line([PYTHON, "-c", code], grace=grace)
        assert await child.stop(grace=10) == 5
        assert await child.stop(grace=10) == 5

    run(main())


@GUARDED
def test_stop_kills_what_does_not_listen(run: Run, grace: float | None) -> None:
    async def main() -> None:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
        child, _ = await first_line([PYTHON, "-c", code], grace=grace)
        began = time.monotonic()
        assert await child.stop(grace=0.2) == -signal.SIGKILL
        assert 0.2 <= time.monotonic() - began < 5

    run(main())


def test_a_cancelled_stop_still_kills(run: Run) -> None:
    async def main() -> None:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
        child, _ = await first_line([PYTHON, "-c", code])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.stop(grace=60), 0.1)
        assert not child.running, "who cancels it may end the loop: nobody would reap it"
        assert await asyncio.wait_for(child.wait(), 5) == -signal.SIGKILL

    run(main())


def test_a_cancelled_spawn_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        task = asyncio.create_task(spawn(["sleep", "61.25"], name="test"))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            child = await task
            await child.stop(grace=1)

    run(main())
    assert not [p for p in psutil.Process().children(recursive=True) if alive(p.pid) and "61.25" in p.cmdline()]


@GUARDED
def test_grandchildren_go_too(run: Run, grace: float | None) -> None:
    async def main() -> int:
        child, line = await first_line(["sh", "-c", "sleep 60 & echo $!; wait"], grace=grace)
        assert alive(int(line))
        await child.stop(grace=5)
        return int(line)

    assert gone(run(main()))


@GUARDED
def test_what_a_dead_child_left_in_its_session_is_ended(run: Run, grace: float | None) -> None:
    async def main() -> int:
        child, line = await first_line(["sh", "-c", "sleep 60 & echo $!"], grace=grace)
        assert await asyncio.wait_for(child.wait(), 5) == 0
        return int(line)

    assert gone(run(main()))


def test_standard_input_stays_open(run: Run) -> None:
    async def main() -> None:
        child, _ = await first_line(
            [PYTHON, "-c", "import sys; print('on', flush=True); sys.stdin.read(); print('eof')"]
        )
        _, pending = await asyncio.wait({child.exited}, timeout=0.1)
        assert pending
        await child.stop(grace=5)

    run(main())


PARENT = """
import asyncio, sys
from penstock.net.children import spawn
async def main():
    child = await spawn(["sleep", "60"], name="test")
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_child_dies_with_a_killed_parent() -> None:
    with subprocess.Popen([PYTHON, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert gone(pid)


GENTLE = """
import os, signal, sys, time
def end(*_):
    print("told", file=open(sys.argv[1], "a"))
    sys.exit()
signal.signal(signal.SIGTERM, end if sys.argv[2] == "gentle" else signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("kind", ["gentle", "deaf"])
def test_guarded_what_a_command_has_started_ends_with_a_killed_parent_too(tmp_path: Path, kind: str) -> None:
    """A shell's, for one: it would hold its port, and its GPU."""
    told = tmp_path / "told"
    script = f"{PYTHON} -c '{GENTLE}' {told} {kind}; true"
    main = PARENT.replace(
        '["sleep", "60"], name="test"', f"{['sh', '-c', script]!r}, name='test', on_line=heard, grace=0.5"
    )
    main = main.replace("    print(child.pid, flush=True)\n", "").replace(
        "async def main", "def heard(_, line): print(line, flush=True)\nasync def main"
    )
    with subprocess.Popen([PYTHON, "-c", main], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert gone(pid)
    assert told.exists() == (kind == "gentle")


def test_guarded_it_ends_as_the_command_ends(run: Run) -> None:
    async def main() -> None:
        for code, status in (
            ("exit(7)", 7),
            ("import os; os.kill(os.getpid(), 11)", -11),
            ("import os; os.abort()", -6),
        ):
            child = await spawn([PYTHON, "-c", code], name="test", grace=5.0)
            assert await asyncio.wait_for(child.wait(), 10) == status

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_parent_that_died_before_the_leash_was_on() -> None:
    done = subprocess.run(leashed(["/bin/echo", "ran"], parent_pid=1), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    done = subprocess.run(leashed(["/bin/echo", "ran"], parent_pid=os.getpid()), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"ran\n")


@given(st.lists(st.binary(max_size=6000), max_size=5), st.lists(st.integers(1, 5000), max_size=10))
def test_lines_are_the_same_however_the_bytes_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = b"\n".join(parts)
    at_once = Lines()
    expected = at_once.feed(data) + at_once.end()
    cut, lines = Lines(), []
    rest = data
    for size in cuts:
        lines += cut.feed(rest[:size])
        rest = rest[size:]
    assert lines + cut.feed(rest) + cut.end() == expected
    if data.isascii() and b"\r" not in data:
        assert "".join(expected) == data.decode().replace("\n", "")
    assert all(len(line.encode()) <= 3 * MAX_LINE_BYTES for line in expected)


@given(st.floats(0.01, 10), st.floats(0, 100), st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_backoff_doubles_within_its_bounds(first: float, more: float, jitter: list[float]) -> None:
    draws = iter(jitter)
    backoff = Backoff(first, first + more, lambda: next(draws))
    for n, share in enumerate(jitter):
        bare = min(first * 2**n, first + more)
        assert backoff.failed() == pytest.approx(bare * (0.8 + 0.4 * share))
    assert backoff.failures == len(jitter)
    backoff.reset()
    assert backoff.failures == 0


def test_backoff_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="first"):
        Backoff(2.0, 1.0)

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.scaling.actuators.ray.node.service import Engine
from tests.scaling.actuators.ray.orders import order, runs, until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's leash is Linux's")
SLEEPS = 'import os,sys,time; open(sys.argv[1],"w").write(str(os.getpid())); time.sleep(600)'


def engine(given: dict[str, Any]) -> Engine:
    return Engine(given, "127.0.0.1", exits=False)


def pid_in(path: Path) -> int:
    return int(until(lambda: path.exists() and path.read_text()))


def test_it_is_ready_once_the_command_answers_and_ends_with_it() -> None:
    made = engine(order())
    assert made.tell()["state"] == "starting"
    until(lambda: made.tell()["state"] == "ready")
    told = made.tell()
    assert told["address"].startswith("127.0.0.1:")
    assert 0 < told["took"] < 20
    made.stop()
    made._thread.join(10)
    assert made._watch.poll() is not None
    assert not made._answers()


def test_a_command_that_fails_says_why() -> None:
    made = engine(order(sys.executable, "-c", "import sys; sys.exit('no such model')"))
    until(lambda: made.tell()["state"] == "failed")
    assert made.tell()["trouble"] == "the command ended with status 1 on 127.0.0.1; it said: no such model"
    made.stop()


def test_one_that_is_too_slow_is_ended(tmp_path: Path) -> None:
    made = engine(order(sys.executable, "-c", SLEEPS, str(tmp_path / "pid")))
    pid = pid_in(tmp_path / "pid")
    made._order["start"] = 0.5  # however long the machine took so far
    until(lambda: made.tell()["state"] == "failed")
    assert "not ready within 0.5 s" in made.tell()["trouble"]
    until(lambda: not runs(pid))
    made.stop()


def test_it_gives_the_command_its_environment() -> None:
    made = engine(order(sys.executable, "-c", "import os,sys; sys.exit(os.environ['SAID'])", environment={"SAID": "x"}))
    until(lambda: made.tell()["trouble"].endswith("it said: x"))
    made.stop()


def test_nobody_asks_so_it_ends_itself(tmp_path: Path) -> None:
    made = engine(order(sys.executable, "-c", SLEEPS, str(tmp_path / "pid")))
    pid = pid_in(tmp_path / "pid")
    made._order["linger"] = 0.3
    made._thread.join(10)
    assert not made._thread.is_alive()
    assert not runs(pid)


@LINUX
@pytest.mark.parametrize("victim", ["actor", "watch"])
def test_the_command_never_outlives_them(victim: str, tmp_path: Path) -> None:
    """By SIGKILL: no last words, as when a node's Ray dies."""
    script = (
        "import sys, time\n"
        "from penstock.scaling.actuators.ray.node.service import Engine\n"
        "from tests.scaling.actuators.ray.orders import order\n"
        f"one = Engine(order(sys.executable, '-c', {SLEEPS!r}, {str(tmp_path / 'pid')!r}), '127.0.0.1', False)\n"
        "print(one._watch.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    root = Path(__file__).parents[5]
    env = {**os.environ, "PYTHONPATH": f"{root}:{root / 'src'}"}
    actor = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert actor.stdout is not None
        watch = int(actor.stdout.readline())
        pid = pid_in(tmp_path / "pid")
        os.kill(actor.pid if victim == "actor" else watch, signal.SIGKILL)
        until(lambda: not runs(pid), 5.0)
    finally:
        actor.kill()
        actor.wait()
        assert actor.stdout is not None
        actor.stdout.close()


def test_stopping_takes_no_longer_than_is_allowed(tmp_path: Path) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
    made = engine(order(sys.executable, "-c", deaf, str(tmp_path / "pid"), stop=0.2))
    pid = pid_in(tmp_path / "pid")
    began = time.monotonic()
    made.stop()
    made._thread.join(10)
    assert not runs(pid)
    assert time.monotonic() - began < 5

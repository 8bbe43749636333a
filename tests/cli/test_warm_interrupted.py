import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cached_gateway import CachedGateway, cached_gateway
from tests.support.running_gateway import environment


@pytest.fixture
def gateway() -> Iterator[CachedGateway]:
    with cached_gateway() as gateway:
        yield gateway


def write(path: Path, count: int) -> Path:
    path.write_text("".join(f'{{"prompt": "{number}"}}\n' for number in range(count)))
    return path


class Started:
    """What it says goes to a file."""

    def __init__(self, gateway: CachedGateway, home: Path, *options: str) -> None:
        self._log = home / "said"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "penstock", "warm", "--url", gateway.url, "--model", "m", *options],
                env=environment(home), stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._log.read_text()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def status(self) -> int:
        return self.process.wait(20)


def eventually(fact: Any) -> None:
    until = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_no_more_calls_at_once_than_wanted(gateway: CachedGateway, tmp_path: Path) -> None:
    file = write(tmp_path / "p", 40)
    gateway.gate.clear()
    process = Started(gateway, tmp_path, "--file", str(file), "--concurrency", "3")
    eventually(lambda: gateway.running == 3)
    gateway.gate.set()
    assert process.status() == 0
    assert (gateway.most_running, len(gateway.asked)) == (3, 40)


def test_it_waits_while_others_are_served(gateway: CachedGateway, tmp_path: Path) -> None:
    file = write(tmp_path / "p", 6)
    gateway.others = 5
    process = Started(gateway, tmp_path, "--file", str(file))
    eventually(lambda: gateway.looks_at_load > 1)
    assert gateway.asked == []
    gateway.others = 4
    assert process.status() == 0
    assert len(gateway.asked) == 6


def test_a_run_that_was_ended_goes_on_without_asking_again(gateway: CachedGateway, tmp_path: Path) -> None:
    file = write(tmp_path / "p", 30)
    gateway.gate.clear()
    process = Started(gateway, tmp_path, "--file", str(file), "--concurrency", "2")
    eventually(lambda: gateway.running == 2)
    process.interrupt()
    eventually(lambda: "once more ends it at once" in process.said)
    gateway.gate.set()
    assert process.status() == 130
    first = len(gateway.asked)
    assert first == 2
    gateway.cached.clear()  # what it knows, it knows of its own
    assert Started(gateway, tmp_path, "--file", str(file)).status() == 0
    assert sorted(map(int, gateway.prompts())) == list(range(30))
    assert not os.path.exists(f"{file}.warmed")


def test_interrupted_twice_it_ends_at_once(gateway: CachedGateway, tmp_path: Path) -> None:
    file = write(tmp_path / "p", 6)
    gateway.gate.clear()
    process = Started(gateway, tmp_path, "--file", str(file))
    eventually(lambda: gateway.running == 5)
    process.interrupt()
    eventually(lambda: "once more ends it at once" in process.said)
    process.interrupt()
    assert process.status() == 130

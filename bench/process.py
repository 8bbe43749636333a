"""A process under measurement with all its children: started on given cores, frozen, thawed, read and stopped by pid.

CPU and memory come from the kernel's own accounting under /proc, so a noisy neighbour does not decide. A process
that dies at once shows in ``alive`` and leaves its words in the log file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import prefer

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat says that we need."""

    pid: int
    parent: int
    ticks: int
    """User and system time, with that of children already waited for."""
    ended: bool = False
    """A zombie: it only waits for its parent to take note."""


def parse_stat(text: str) -> Stat:
    """Read one line of /proc/PID/stat; the name in parentheses may itself hold spaces and parentheses."""
    pid, _, _ = text.partition(" ")
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(field) for field in fields[11:15])
    return Stat(pid=int(pid), parent=int(fields[1]), ticks=ticks, ended=fields[0] in "ZX")


def parse_kib(text: str, field: str) -> int:
    """The bytes in a ``Field:   123 kB`` line of /proc/PID/status or smaps_rollup; 0 when it is not there."""
    for line in text.splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def family(root: int, stats: Iterable[Stat]) -> list[Stat]:
    """The process ``root`` and all its descendants."""
    by_parent: dict[int, list[Stat]] = {}
    found: list[Stat] = []
    for stat in stats:
        by_parent.setdefault(stat.parent, []).append(stat)
        if stat.pid == root:
            found.append(stat)
    for stat in found:
        found.extend(by_parent.get(stat.pid, ()))
    return found


def all_stats() -> list[Stat]:
    """Every process that can be read now."""
    stats = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stats.append(parse_stat(Path(entry.path, "stat").read_text()))
    return stats


class Running:
    """One started process tree."""

    def __init__(self, argv: Sequence[str], cores: set[int], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        places = ",".join(map(str, sorted(cores)))
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["taskset", "-c", places, *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=log.parent,
                start_new_session=True,
            )
        self.pid = self._process.pid
        prefer(self.pid)

    def __repr__(self) -> str:
        return f"<Running {self.pid} {'alive' if self.alive else 'gone'} log={self.log}>"

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def pids(self) -> list[int]:
        """The whole tree, root first."""
        return [stat.pid for stat in family(self.pid, all_stats())]

    def cpu_seconds(self) -> float:
        """CPU time used by the tree since it began."""
        return sum(stat.ticks for stat in family(self.pid, all_stats())) / TICKS_PER_SECOND

    def memory_bytes(self) -> tuple[int, int]:
        """Resident and proportional set size of the tree."""
        rss = pss = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                rss += parse_kib(Path(f"/proc/{pid}/status").read_text(), "VmRSS")
                pss += parse_kib(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")
        return rss, pss

    def freeze(self) -> None:
        """Let it take no CPU while another is measured."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def stop(self, patience_seconds: float = 5.0) -> None:
        """End the tree: politely, then for good."""
        members = self.pids()
        self._signal(signal.SIGCONT)
        if self.alive:
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_seconds)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline and self._left(members):
            time.sleep(0.02)
        for pid in self._left(members):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _left(self, members: list[int]) -> list[int]:
        self._process.poll()
        ours = set(members)
        return [stat.pid for stat in all_stats() if stat.pid in ours and not stat.ended]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

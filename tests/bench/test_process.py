"""What the benches read of a process, and how they freeze, thaw and end one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.process import Running, Stat, all_stats, family, parse_kib, parse_stat

LINE = "4242 (odd) name (x) S 17 4242 4242 0 -1 4194560 900 0 0 0 150 50 7 3 20 0 2 0 12345 1000000 500 1844"


def test_stat_line_with_parentheses_in_the_name() -> None:
    assert parse_stat(LINE) == Stat(pid=4242, parent=17, ticks=150 + 50 + 7 + 3)
    assert parse_stat(LINE.replace(" S 17", " Z 17")).ended


def test_own_stat_line() -> None:
    stat = parse_stat(Path("/proc/self/stat").read_text())
    assert (stat.pid, stat.parent) == (os.getpid(), os.getppid())
    used = sum(os.times()[:4])
    assert stat.ticks / os.sysconf("SC_CLK_TCK") == pytest.approx(used, abs=0.5)


def test_memory_fields() -> None:
    text = "VmPeak:\t  999 kB\nVmRSS:\t   12 kB\nRssAnon:\t 4 kB\n"
    assert parse_kib(text, "VmRSS") == 12 * 1024
    assert parse_kib(text, "Pss") == 0


def test_family_is_the_process_and_all_below_it() -> None:
    stats = [Stat(3, 2, 0), Stat(1, 0, 0), Stat(2, 1, 0), Stat(9, 1, 0), Stat(5, 4, 0), Stat(4, 3, 0)]
    assert sorted(stat.pid for stat in family(2, stats)) == [2, 3, 4, 5]
    assert family(77, stats) == []


def states(running: Running) -> set[str]:
    return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in running.pids()}


def test_running_counts_freezes_and_ends_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    running = Running([sys.executable, "-c", script], os.sched_getaffinity(0), tmp_path / "log")
    try:
        while len(running.pids()) < 2 or running.cpu_seconds() < 0.1:
            assert running.alive, running.log.read_text()
        assert running.memory_bytes()[0] > 0
        running.freeze()
        while states(running) != {"T"}:  # a signal is sent, not awaited
            assert running.alive
        running.thaw()
    finally:
        members = running.pids()
        running.stop()
    assert not running.alive
    assert not {stat.pid for stat in all_stats() if not stat.ended} & set(members)

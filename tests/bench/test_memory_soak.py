import asyncio
from pathlib import Path

from bench import memory_soak
from bench.memory_soak import Options, Soak


def test_a_short_twin_answers_every_call_as_it_must_and_comes_back(tmp_path: Path) -> None:
    soak = asyncio.run(memory_soak.measure(Options(0.1, 40.0, 0.05), tmp_path, back_seconds=30.0, bodies=32, most=0.25))
    assert soak.wrong == {}
    assert soak.burst_answers == {"200": 32}
    assert sum(soak.kinds.values()) > 50
    assert soak.back_seconds is not None  # so near as half of what was offered: a share of some 60 MiB
    assert soak.burst_after < soak.burst_before + 16 * 2**20
    assert soak.collector["penstock_leak_clean_ups_total"] == 0


def test_what_moved_is_told() -> None:
    soak = Soak(
        Options(), drift=0.06, burst_after=5, burst_before=1, collector={'penstock_leak_alarms_total{what="x"}': 1}
    )
    assert len(memory_soak.verdict(soak)) == 3
    assert memory_soak.verdict(Soak(Options(), back_seconds=1.0)) == []
    assert len(memory_soak.verdict(Soak(Options(), wrong={"chat: 500": 2}, back_seconds=1.0))) == 1

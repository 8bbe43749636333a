from typing import Any

from penstock.observe.memory_page import MEMORY_METRICS, put_memory
from tests.support.samples import Samples


def worker(share: float, level: int, floor: int) -> dict[str, Any]:
    return {
        "limit": 100, "source": "cgroup", "room": 40, "share": share, "level": level, "floor": floor, "alerts": 1,
        "refused": 2, "steps": {"collect": [1, 30, 0.5]}, "beside": {"connections": 7},
    }  # fmt: skip


def test_workers_add_up_and_the_worst_off_speaks_for_all() -> None:
    page = Samples(MEMORY_METRICS, "penstock_memory_")
    put_memory(page, [worker(0.2, 0, 3), worker(0.8, 4, 1)])  # type: ignore[arg-type]
    assert page.of == {
        ("limit_bytes", "cgroup"): 200,
        ("room_bytes",): 80,
        ("share",): 0.8,
        ("level",): 4,
        ("floor",): 1,
        ("alerts_total",): 2,
        ("refused_total",): 4,
        ("steps_total", "collect"): 2,
        ("freed_bytes_total", "collect"): 60,
        ("step_seconds_total", "collect"): 1.0,
        ("beside_bytes", "connections"): 14,
    }


def test_without_workers_there_is_nothing() -> None:
    page = Samples(MEMORY_METRICS, "penstock_memory_")
    put_memory(page, [])  # type: ignore[arg-type]
    assert not page.of

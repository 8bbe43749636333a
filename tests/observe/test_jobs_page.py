from typing import Any

from penstock.jobs.numbers import Numbers
from penstock.observe.jobs_page import JOBS_METRICS, put_jobs


class Samples:
    """What was put, by name and labels."""

    def __init__(self) -> None:
        self.of: dict[tuple[Any, ...], float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in JOBS_METRICS
        key = (name.removeprefix("penstock_jobs"), *labels.values())
        assert key not in self.of
        self.of[key] = value

    def put_histogram(self, name: str, histogram: Any, **labels: object) -> None:
        raise AssertionError


def test_workers_add_up_but_for_what_each_sees_of_all() -> None:
    one = Numbers()
    one.lines["ok"], one.ended["completed"], one.open["in_progress"] = 3, 1, 2
    one.running = one.waiting = one.in_flight = one.stalled = 1
    one.limit, one.disk = 4.5, 100
    page = Samples()
    put_jobs(page, [one.dump(), one.dump()])
    assert page.of == {
        ("", "in_progress"): 2, ("_running",): 2, ("_ended_total", "completed"): 2, ("_lines_total", "ok"): 6,
        ("_lines_waiting",): 2, ("_lines_in_flight",): 2, ("_concurrency_limit",): 9.0, ("_stalls_total",): 2,
        ("_disk_bytes",): 100,
    }  # fmt: skip


def test_without_the_slice_there_is_nothing() -> None:
    page = Samples()
    put_jobs(page, [])
    assert page.of == {}

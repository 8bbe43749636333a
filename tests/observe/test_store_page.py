from typing import Any

from penstock.observe.store_page import STORE_METRICS, put_store
from tests.support.samples import Samples


def worker(reachable: bool, *operations: list[Any], kind: str = "redis", lost: int = 0) -> dict[str, Any]:
    return {
        "kind": kind, "reachable": reachable, "trouble": "", "queued": 2, "queued_bytes": 300, "lost": lost,
        "operations": list(operations),
    }  # fmt: skip


def test_workers_add_up() -> None:
    page = Samples(STORE_METRICS, "penstock_store_")
    put_store(page, [worker(True, ["get", "ok", 3], ["put", "ok", 1]), worker(False, ["get", "ok", 4], lost=7)])
    assert page.of == {
        ("reachable", "redis"): 1,
        ("operations_total", "get", "ok"): 7,
        ("operations_total", "put", "ok"): 1,
        ("lost_writes_total",): 7,
        ("queued",): 4,
        ("queued_bytes",): 600,
    }


def test_a_store_that_nobody_reaches_is_told_too() -> None:
    page = Samples(STORE_METRICS, "penstock_store_")
    put_store(page, [worker(False, kind="sqlite")])
    assert page.of["reachable", "sqlite"] == 0


def test_without_the_slice_nothing_is_told() -> None:
    page = Samples(STORE_METRICS, "penstock_store_")
    put_store(page, [])
    assert page.of == {}

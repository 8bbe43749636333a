from typing import Any

from penstock.observe.cache_page import CACHE_METRICS, put_cache
from tests.support.samples import Samples


def worker(**fields: Any) -> dict[str, Any]:
    return {
        "ready": True, "entries": 5, "bytes": 100, "memory_bytes": 40, "stores": {"kept": 2},
        "operations": [["exact", "hit", 3], ["exact", "miss", 1]], "evicted": {"expired": 4, "full": 1},
        "saved": {"tokens_in": 10, "tokens_out": 5, "micro_dollars": 1_500_000, "seconds": 2.5},
        "lookups": {"exact": [[0.1, 1.0], [3, 1, 0], 0.5]},
    } | fields  # fmt: skip


def test_workers_add_up_but_for_what_each_of_them_sees() -> None:
    page = Samples(CACHE_METRICS, "penstock_cache_")
    put_cache(page, [worker(), worker(ready=False, entries=6, evicted={"expired": 5, "full": 1})])
    assert page.of == {
        ("operations_total", "exact", "hit"): 6,
        ("operations_total", "exact", "miss"): 2,
        ("lookup_seconds", "exact"): ([6, 2, 0], 1.0),
        ("entries",): 6,
        ("bytes", "store"): 100,
        ("bytes", "memory"): 80,
        ("ready",): 1,
        ("stores_total", "kept"): 4,
        ("evictions_total", "expired"): 5,
        ("evictions_total", "full"): 2,
        ("saved_tokens_total", "prompt"): 20,
        ("saved_tokens_total", "completion"): 10,
        ("saved_dollars_total",): 3.0,
        ("saved_seconds_total",): 5.0,
    }


def test_without_a_cache_nothing_is_said() -> None:
    page = Samples(CACHE_METRICS, "penstock_cache_")
    put_cache(page, [])
    assert page.of == {}

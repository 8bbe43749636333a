from typing import Any

from penstock.observe.health_page import HEALTH_METRICS, put_health
from tests.support.samples import Samples


def worker(state: str, **probes: int) -> dict[str, Any]:
    return {
        "upstreams": {"a": {"state": state, "ejections": 2, "keys_at_rest": 1, "probes": probes}},
        "retries": {"m": [40.04, 3]},
    }


def test_workers_add_up_and_each_state_is_counted_in_workers() -> None:
    page = Samples(HEALTH_METRICS, "penstock_")
    put_health(page, [worker("closed", well=3), worker("open", well=1, silent=2), worker("closed")])
    assert page.of == {
        ("upstream_state", "a", "closed"): 2,
        ("upstream_state", "a", "open"): 1,
        ("upstream_ejections_total", "a"): 6,
        ("upstream_keys_at_rest", "a"): 3,
        ("probes_total", "a", "well"): 4,
        ("probes_total", "a", "silent"): 2,
        ("retry_budget_left", "m"): 120.1,
        ("retries_refused_total", "m"): 9,
    }


def test_without_workers_there_is_nothing() -> None:
    page = Samples(HEALTH_METRICS, "penstock_")
    put_health(page, [])
    assert page.of == {}

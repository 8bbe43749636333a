from typing import Any

from penstock.cli.glance import glance
from tests.support.reports import now, status


def of(*states: str) -> dict[str, Any]:
    worker = status()["workers"][0]
    health = {f"up-{place}": {"state": state, "back_in": 3.0 if state == "open" else 0.0}
              for place, state in enumerate(states)}  # fmt: skip
    return glance({"version": "1", "workers": [worker | {"health": {"upstreams": health}, "upstreams": {}}]}, {})


def test_numbers_of_all_workers() -> None:
    told = glance(status(), {})
    assert (told["in_flight"], told["queued"], told["connections"], told["workers"]) == (24, 6, 80, 2)
    assert told["summary"] is None
    assert told["alerts"] == []


def test_the_worst_state_of_an_upstream_and_when_it_returns() -> None:
    rows = {row["name"]: row for row in glance(status(), {})["upstreams"]}
    assert rows["gpu-1"] == {"name": "gpu-1", "state": "open", "back_in": 12.5, "in_flight": 8}
    assert rows["gpu-0"]["state"] == "closed"


def test_whether_it_serves() -> None:
    assert of("closed", "half_open")["serving"] == "yes"
    assert of("closed", "open")["serving"] == "partly"
    assert of("closed", "open")["why"] == ["up-1: open"]
    assert of("open", "sick")["serving"] == "no"
    assert of()["serving"] == "yes"
    assert glance({"version": "1", "workers": []}, {})["serving"] == "no"


def test_only_open_alerts_are_shown() -> None:
    assert [row["id"] for row in now()["alerts"]] == ["o2"]


def test_a_gateway_without_rooms_that_are_optional() -> None:
    worker = status()["workers"][0] | {"admission": None, "in_flight": None, "memory": {}}
    told = glance({"version": "1", "workers": [worker]}, {})
    assert (told["queued"], told["in_flight"], told["memory"]) == (0, 0, 0.0)

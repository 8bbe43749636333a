from typing import Any

from penstock.scaling.control.short import PATIENCE_SECONDS, Short


def row(ready: int, wanted: int, trouble: str = "gpu-3: it ended with status 1") -> dict[str, Any]:
    states = ["ready"] * ready + ["failed"]
    return {"standing": {"replicas": [{"state": one} for one in states]}, "wanted": wanted, "trouble": trouble}


def test_a_pool_that_lacks_replicas_for_long_is_told_and_once_it_has_them_too() -> None:
    short = Short()
    assert short.look({"gpu": row(0, 1)}, 100.0) == []
    assert short.look({"gpu": row(0, 1, "")}, 130.0) == [], "it is being started again"
    (alert,) = short.look({"gpu": row(0, 1)}, 100.0 + PATIENCE_SECONDS)
    assert (alert.id, alert.name, alert.severity) == ("pool-gpu", "pool_short", "high")
    assert alert.text == "pool gpu has 0 of 1 replicas: gpu-3: it ended with status 1"
    assert short.look({"gpu": row(0, 1, "gpu-4: it ended with status 1")}, 170.0) == [], "that is no news"
    (milder,) = short.look({"gpu": row(1, 2)}, 180.0)
    assert (milder.severity, milder.opened, milder.closed) == ("medium", alert.opened, None)
    (closed,) = short.look({"gpu": row(2, 2)}, 190.0)
    assert (closed.id, closed.opened, closed.closed) == ("pool-gpu", alert.opened, 190.0)
    assert short.look({"gpu": row(2, 2)}, 200.0) == []


def test_one_that_is_replaced_soon_or_starts_slowly_is_not() -> None:
    short = Short()
    short.look({"gpu": row(0, 1)}, 0.0)
    assert short.look({"gpu": row(1, 1)}, 50.0) == []
    assert short.look({"gpu": row(0, 1)}, 100.0) == [], "it counts anew"
    assert Short().look({"gpu": row(0, 9, "")}, 1e6) == []


def test_the_alert_of_a_pool_that_is_taken_away_closes() -> None:
    short = Short()
    short.look({"gpu": row(0, 1)}, 0.0)
    assert short.look({"gpu": row(0, 1)}, 60.0)
    assert [one.closed for one in short.look({}, 70.0)] == [70.0]

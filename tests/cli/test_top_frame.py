from typing import Any

import pytest

from penstock.cli.paint import Paint, columns
from penstock.cli.top_frame import ORDERS, frame
from tests.support.reports import GOLDEN, now, shown

PLAIN = Paint(False)


def model(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "calls": 10, "failed": 0, "ttft": None, "total": None, "tokens_per_second": 1.0} | facts


def many(**facts: Any) -> dict[str, Any]:
    """Fifty models, fifty upstreams, and more findings than fit."""
    summary = {**now()["summary"], "models": [model(f"m-{number}", calls=number) for number in range(50)]}
    upstreams = [{"name": f"u-{n}", "state": "closed", "back_in": 0.0, "in_flight": n} for n in range(50)]
    return {**now(), "summary": summary, "upstreams": upstreams, "bottlenecks": now()["bottlenecks"] * 9, **facts}


def test_golden() -> None:
    assert shown()["top.txt"] == (GOLDEN / "top.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [56, 66, 80, 120, 250])
@pytest.mark.parametrize("height", [5, 10, 24, 60])
def test_it_fits_whatever_the_size(width: int, height: int) -> None:
    for one in (now(), many()):
        told = frame(one, width, height, "calls", PLAIN)
        assert len(told) <= height
        assert max(columns(line) for line in told) <= width


def test_a_small_terminal_still_shows_what_is_wrong() -> None:
    told = "\n".join(frame(many(), 80, 24, "calls", PLAIN))
    assert "serving in part" in told
    assert "m-49" in told
    assert "u-49" in told
    assert "alert      the budget is spent" in told
    assert "and 14 more: penstock report" in told


@pytest.mark.parametrize(("order", "first"), [
    ("calls", "busy"), ("failed", "bad"), ("ttft", "late"), ("total", "long"), ("name", "a"),
])  # fmt: skip
def test_models_in_order(order: str, first: str) -> None:
    models = [
        model("a"), model("busy", calls=99), model("bad", failed=5), model("late", ttft={"p50": 1.0, "p95": 9.0}),
        model("long", total={"p50": 1.0, "p95": 9.0}),
    ]  # fmt: skip
    told = frame({**now(), "summary": {**now()["summary"], "models": models}}, 80, 40, order, PLAIN)
    place = next(place for place, line in enumerate(told) if line.startswith(f"model (by {order})"))
    assert told[place + 1].split()[0] == first
    assert order in ORDERS


def test_upstreams_that_are_out_of_use_come_first_with_their_return() -> None:
    told = frame(now(), 80, 40, "calls", PLAIN)
    place = next(place for place, line in enumerate(told) if line.startswith("upstream "))
    assert told[place + 1].split() == ["gpu-1", "open", "12.5", "s", "8"]


def test_a_gateway_at_rest_and_one_that_judges_nothing() -> None:
    quiet = {**now(), "summary": None, "alerts": [], "anomalies": [], "bottlenecks": [], "why": [], "serving": "yes",
             "absent": {"history": "not installed"}}  # fmt: skip
    told = frame(quiet, 80, 24, "calls", PLAIN)
    assert "  no calls in the last minute" in told
    assert told[-1] == "no alert, anomaly or bottleneck (history not known)"


def test_names_that_others_chose_cannot_reach_the_terminal() -> None:
    assert all(sign.isprintable() for line in frame(now(), 80, 40, "calls", PLAIN) for sign in line)


def test_colours_take_no_room() -> None:
    assert any("\x1b[31m" in line for line in frame(now(), 80, 40, "calls", Paint(True)))

from functools import cache
from typing import Any

import msgspec
import pytest

from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.series import Series
from penstock.scaling.forecast.shelf import Shelf
from penstock.scaling.forecast.shown import YOUNG, YOUNG_GROWTH, asked_of, expected, shown, upper_of

STEP, SOON = 60.0, 10.0


@cache
def state(step: float, number: int, level: float) -> Series:
    return series(step, number, level)


def series(step: float = STEP, number: int = 40, level: float = 10.0) -> Series:
    made = Series(Forecaster(step, (1, 10, 60, 120) if step == STEP else (1 / 6, 1), zeros="real"))
    for at in range(number):
        made.offer(at * step, level)
        made.catch_up()
    return made


def shelves(number: int = 40) -> dict[str, Shelf | None]:
    models = Shelf(STEP, 10, lambda: Forecaster(STEP, (1,)))
    for rate in ("requests", "tokens_in", "tokens_out"):
        for model in ("chat", "code|v2"):
            models.series[f"{rate}|{model}"] = state(STEP, number, 10.0)
    pools = Shelf(STEP, 10, lambda: Forecaster(STEP, (1,)))
    pools.series["gpu"] = series(number=number, level=50.0)
    return {"model": models, "pool": pools}


def ask(question: dict[str, Any], of: dict[str, Shelf | None] | None = None) -> Any:
    known = shelves() if of is None else of
    asked = asked_of(question, known)
    return asked if "problems" in asked else msgspec.json.decode(msgspec.json.encode(shown(known, asked, 2400.0)))


def test_a_policy_is_told_of_soon_by_short_steps_and_of_later_by_minutes() -> None:
    near, far = series(SOON, level=10.0), series(STEP, level=99.0)
    upper = upper_of(near, far, 120.0, 400.0)
    assert upper is not None
    assert upper(30.0, 0.95) == pytest.approx(10.0, rel=0.3)
    assert upper(600.0, 0.95) == pytest.approx(99.0, rel=0.3)
    assert (upper(600.0, 0.93) or 0) <= (upper(600.0, 0.95) or 0) <= (upper(600.0, 0.999) or 0), (
        "any share may be asked"
    )


def test_the_other_speaks_where_one_cannot_and_nobody_where_neither_can() -> None:
    far = series(STEP, level=99.0)
    assert upper_of(None, None, 120.0, 400.0) is None
    assert upper_of(series(SOON, number=5), None, 120.0, 400.0) is None
    alone = upper_of(series(SOON, number=5), far, 120.0, 2400.0)
    assert alone is not None
    assert alone(30.0, 0.9) == pytest.approx(99.0, rel=0.3)


def test_a_forecast_that_is_old_looks_further_ahead() -> None:
    rising = Series(Forecaster(STEP, (1, 10), zeros="real"))
    for at in range(60):
        rising.offer(at * STEP, float(at))
        rising.catch_up()
    fresh, old = upper_of(None, rising, 120.0, 3600.0), upper_of(None, rising, 120.0, 3650.0)
    assert fresh is not None
    assert old is not None
    assert old(60.0, 0.5) != fresh(60.0, 0.5)
    assert old(60.0, 0.5) == pytest.approx(fresh(110.0, 0.5) or 0.0)


def test_all_in_short() -> None:
    told = ask({})
    assert set(told["models"]) == {"chat", "code|v2"}
    row = told["models"]["chat"]["requests"]
    assert (row["step"], row["values"], row["gaps"], row["now"], row["until"]) == (60.0, 40, 0, 10.0, 2400.0)
    assert [one["minutes"] for one in row["expected"]] == [10, 30, 60]
    assert row["expected"][0]["load"] == pytest.approx(10.0, rel=0.1)
    assert told["pools"]["gpu"]["load"]["expected"][0]["load"] == pytest.approx(50.0, rel=0.1)


def test_one_minute_by_minute() -> None:
    told = ask({"model": "code|v2", "minutes": "30"})
    assert set(told) == {"models"}
    row = told["models"]["code|v2"]["tokens_out"]
    assert len(row["prediction"]["intervals"]) == 30
    assert row["prediction"]["intervals"][0]["at"] == 2460.0
    assert sum(row["experts"].values()) == pytest.approx(1.0, abs=0.1)
    assert len(ask({"pool": "gpu"})["pools"]["gpu"]["load"]["prediction"]["intervals"]) == 60


def test_too_few_values_are_no_forecast() -> None:
    told = ask({"model": "chat"}, shelves(number=5))
    assert told["models"]["chat"]["requests"]["trouble"] == "5 values are too few: 10"
    assert expected(series(number=5)) is None
    told = expected(series())
    assert told is not None
    assert set(told) == {"10|0.5", "10|0.9", "60|0.5", "60|0.9"}


def test_what_was_left_out_is_said() -> None:
    known = shelves()
    assert known["model"] is not None
    known["model"].left_out = 3
    assert ask({}, known)["left_out"] == 3


@pytest.mark.parametrize(
    ("question", "status", "says"),
    [
        ({"model": "gone"}, 404, 'nothing is known of the load of model "gone" yet'),
        ({"pool": "gone"}, 404, 'of pool "gone"'),
        ({"model": "chat", "pool": "gpu"}, 400, "one at a time"),
        ({"modle": "chat"}, 400, "'modle' is not known"),
        ({"minutes": "0"}, 400, "from 1 to 120"),
        ({"minutes": "1e9"}, 400, "from 1 to 120"),
        ({"minutes": "121"}, 400, "from 1 to 120"),
    ],
)  # fmt: skip
def test_wrong_questions(question: dict[str, Any], status: int, says: str) -> None:
    told = ask(question)
    assert told["status"] == status
    assert says in told["problems"][0]


def test_before_anything_was_learned() -> None:
    nothing: dict[str, Shelf | None] = {"model": None, "pool": None}
    assert ask({}, nothing) == {"models": {}, "pools": {}}
    assert ask({"model": "chat"}, nothing)["status"] == 404


def test_of_a_young_forecast_no_more_is_believed_than_twice_what_ever_was(monkeypatch: pytest.MonkeyPatch) -> None:
    young, grown = series(SOON, level=10.0), series(SOON, YOUNG, level=10.0)
    monkeypatch.setattr(Forecaster, "upper", lambda *_: 440.0)
    for one, told in ((young, YOUNG_GROWTH * 10.0), (grown, 440.0)):
        upper = upper_of(one, None, 120.0, 400.0)
        assert upper is not None
        assert upper(30.0, 0.95) == told

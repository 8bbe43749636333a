"""Forecasts as they are told: to policies as a bound, to people minute by minute, to metrics as a few numbers. Pure.

Enters: series, what is asked. Leaves: plain values. May fail: ``problems`` for a wrong question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from penstock.scaling.forecast.series import Series
    from penstock.scaling.forecast.shelf import Shelf
    from penstock.scaling.seen import Upper

SHORT = (10, 30, 60)
"""Minutes ahead that are told where many are told."""
LONGEST_MINUTES = 120
USUAL_MINUTES = 60
LEAST_VALUES = 10
YOUNG = 400
"""Values before which errors are few and a single odd one counts for much."""
YOUNG_GROWTH = 2.0
"""Times the most that ever was: more is not believed of one so young."""
HEAVY = 0.01
"""Experts that count for less are not told."""


def upper_of(soon: Series | None, later: Series | None, until: float, now: float) -> Upper | None:
    """What the load will not exceed: up to ``until`` seconds ahead by ``soon``, beyond by ``later``; by the other where
    one cannot speak. None while nothing can be said."""
    speaking = [one for one in (soon, later) if one is not None and _speaks(one)]
    if not speaking:
        return None
    near, far = speaking[0], speaking[-1]

    def upper(seconds: float, share: float) -> float | None:
        series = near if seconds <= until else far
        told = series.forecaster.upper(seconds + _age(series, now), share)
        return told if series.forecaster.count >= YOUNG else min(told, YOUNG_GROWTH * series.forecaster.highest)

    return upper


def _speaks(series: Series) -> bool:
    return series.speaks and series.forecaster.count >= LEAST_VALUES


def _age(series: Series, now: float) -> float:
    """Seconds since the end of its newest step: a forecast is of so much further ahead."""
    newest, step = series.newest, series.forecaster.step
    return 0.0 if newest is None else max(0.0, now - newest - step)


def expected(series: Series) -> dict[str, float] | None:
    """``<minutes>|<quantile>``: of 10 and 60 minutes, for the metrics page; None while it cannot speak."""
    if not _speaks(series):
        return None
    quantile = series.forecaster.quantile
    return {f"{minutes}|{share}": quantile(minutes * 60, share) for minutes in (10, 60) for share in (0.5, 0.9)}


def asked_of(question: Mapping[str, Any], shelves: Mapping[str, Shelf | None]) -> dict[str, Any]:
    """The question in its parts: ``kind`` and ``name`` of the one that is asked for, if one is, and ``minutes``."""
    kinds = [kind for kind in shelves if question.get(kind)]
    strange = [name for name in question if name not in (*shelves, "minutes")]
    if strange or len(kinds) > 1:
        says = f"{strange[0][:40]!r} is not known; there are model, pool and minutes" if strange else "one at a time"
        return {"status": 400, "code": "bad_query", "param": (strange or kinds)[0], "problems": [says]}
    text = str(question.get("minutes", USUAL_MINUTES))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= LONGEST_MINUTES):
        return {"status": 400, "code": "bad_query", "param": "minutes",
                "problems": [f"minutes is a whole number from 1 to {LONGEST_MINUTES}"]}  # fmt: skip
    asked: dict[str, Any] = {"minutes": int(text)}
    if kinds:
        kind = kinds[0]
        shelf, name = shelves[kind], str(question[kind])
        names = set() if shelf is None else {_name(kind, one) for one in shelf.series}
        if name not in names:
            says = f'nothing is known of the load of {kind} "{name[:100]}" yet'
            return {"status": 404, "code": f"{kind}_not_found", "param": kind, "problems": [says]}
        asked |= {"kind": kind, "name": name}
    return asked


def _name(kind: str, key: str) -> str:
    return key.partition("|")[2] if kind == "model" else key


def _rate(kind: str, key: str) -> str:
    return key.partition("|")[0] if kind == "model" else "load"


def shown(shelves: Mapping[str, Shelf | None], asked: Mapping[str, Any], now: float) -> dict[str, Any]:
    """By kind, name and rate."""
    told: dict[str, Any] = {}
    for kind, shelf in shelves.items():
        if asked.get("kind", kind) != kind:
            continue
        rows: dict[str, Any] = told.setdefault(f"{kind}s", {})
        for key, series in ({} if shelf is None else shelf.series).items():
            name = _name(kind, key)
            if asked.get("name", name) == name:
                is_one = "name" in asked
                rows.setdefault(name, {})[_rate(kind, key)] = _row(series, asked["minutes"] if is_one else 0, now)
        if shelf is not None and shelf.left_out:
            told["left_out"] = told.get("left_out", 0) + shelf.left_out
    return told


def _row(series: Series, minutes: int, now: float) -> dict[str, Any]:
    """What is known of one; ``minutes`` > 0 tells each of them."""
    forecaster = series.forecaster
    row: dict[str, Any] = {
        "step": forecaster.step, "values": forecaster.count, "gaps": series.gaps, "now": series.last,
        "until": None if series.newest is None else series.newest + forecaster.step,
    }  # fmt: skip
    if not _speaks(series):
        has = "it is catching up" if series.is_behind else f"{forecaster.count} values are too few: {LEAST_VALUES}"
        return row | {"trouble": has}
    if not minutes:
        said = [(ahead, forecaster.forecast(ahead * 60), forecaster.quantile(ahead * 60, 0.9)) for ahead in SHORT]
        return row | {"expected": [{"minutes": ahead, "load": load, "upper": upper} for ahead, load, upper in said]}
    from penstock.scaling.forecast.prediction import predict

    assert series.newest is not None
    prediction = predict(forecaster, minutes * 60.0, series.newest + forecaster.step)
    experts = forecaster.weights(min(minutes, 10) * 60)
    return row | {
        "prediction": msgspec.to_builtins(prediction),
        "experts": {name: round(share, 3) for name, share in experts.items() if share >= HEAVY},
    }

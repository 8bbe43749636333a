"""``penstock forecast``: play a recorded series through the forecaster that sizes a running fleet, beside its rivals.

Enters: a CSV file, a row a step (time, value), or a row a request (time, ...). Leaves: a table, JSON, or a page of
plots. May fail: Failure, with the line of the file that is wrong, or the extra that is missing.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import math
import re
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from penstock.cli import pages
from penstock.cli.failure import Failure
from penstock.cli.options import add_json, parser, print_json
from penstock.cli.recorded import moment, text_of

if TYPE_CHECKING:
    from penstock.scaling.forecast.backtest import Backtest

MOST_VALUES = 1_000_000
LEAST_ROWS = 3
WANTED = "a series is CSV, a row a step: time,value"
_MINUTES = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h)?")
_SECONDS = {"s": 1 / 60, "m": 1.0, "h": 60.0, None: 1.0}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    pages.find_room(options.html)
    if importlib.util.find_spec("numpy") is None:
        raise Failure("penstock forecast: needs numpy, which is not installed: pip install 'penstock[forecast]'")
    from penstock.scaling.forecast.backtest import backtest
    from penstock.scaling.forecast.page import page
    from penstock.scaling.forecast.rivals import NEED_STATSMODELS, RIVALS

    step, values = read_trace(options.trace, options.step)
    horizons = [minutes_in(one) for one in options.horizons.split(",")] if options.horizons else _usual(step, values)
    rivals = [name for name in RIVALS if name not in NEED_STATSMODELS or _has_statsmodels()]
    missing = [name for name in RIVALS if name not in rivals]
    try:
        told = backtest(values, step, horizons, rivals, time.process_time, options.zeros)
    except ValueError as error:
        raise Failure(f"penstock forecast: {options.trace}: {error}") from None
    if options.html:
        pages.write(options.html, page(options.trace, told))
    if options.json:
        print_json(plain(told, missing))
    else:
        print("\n".join(lines(told, missing)))
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "forecast",
        "Backtest the forecaster on a recorded series, value by value, beside what others forecast with.",
        "The forecaster is the one that ships, at its defaults: nothing is tuned to the series.",
    )
    wants.add_argument("--trace", required=True, metavar="FILE", help="CSV: time,value a step; or time,... a request")
    wants.add_argument("--horizons", metavar="LIST", help="how far ahead, such as 10m,30m,1h")
    wants.add_argument("--step", type=float, metavar="SECONDS", help="count requests (a row each) in steps of so long")
    wants.add_argument("--zeros", choices=("gaps", "real"), default="gaps", help="what rare zeros are (gaps)")
    wants.add_argument("--html", metavar="FILE", help="write a page of plots")
    add_json(wants)
    return wants


def _has_statsmodels() -> bool:
    return importlib.util.find_spec("statsmodels") is not None


def minutes_in(text: str) -> float:
    """``90s``, ``10m``, ``1h`` or plain minutes. Raises Failure."""
    found = _MINUTES.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise Failure(f'penstock forecast: "{text}" is no horizon, such as 10m or 1h', 2)
    return float(found[1]) * _SECONDS[found[2]]


def _usual(step: float, values: list[float | None]) -> list[float]:
    """1, 3 and 6 steps ahead."""
    return [steps * step / 60 for steps in (1, 3, 6)]


def read_trace(path: str, step: float | None, command: str = "forecast") -> tuple[float, list[float | None]]:
    """Seconds a step, and the values; None where there is none. With ``step`` rows are requests, and are counted.
    Raises Failure in the name of ``command``."""
    try:
        times, values = _rows(text_of(path, command), counted=step is not None)
        return _spaced(times, values) if step is None else _counted(times, step)
    except ValueError as error:
        raise Failure(f"penstock {command}: {path}{error}", 2) from None


def _rows(text: str, *, counted: bool) -> tuple[list[float], list[float | None]]:
    """Times, and values unless rows are ``counted``. Raises ValueError with the line, as all below do."""
    times: list[float] = []
    values: list[float | None] = []
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if not row or (number == 1 and not _is_moment(row[0]) and not row[0].startswith("{")):
            continue
        try:
            times.append(moment(row[0]))
            if not counted:
                values.append(_load(row[1] if len(row) > 1 else None))
        except ValueError as error:
            raise ValueError(f":{number}: {error}; {WANTED}") from None
        if len(times) > 1 and times[-1] < times[-2]:
            raise ValueError(f":{number}: time goes back")
    if len(times) < LEAST_ROWS:
        raise ValueError(f": {len(times)} rows are too few; {WANTED}")
    return times, values


def _load(text: str | None) -> float | None:
    if text is None:
        raise ValueError("a value is missing")
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise ValueError(f"{text[:40]!r} is no load: a number, 0 or more")
    return value


def _counted(times: list[float], step: float) -> tuple[float, list[float | None]]:
    if not 0 < step < math.inf or (times[-1] - times[0]) / step > MOST_VALUES:
        raise ValueError(f": steps of {step:g} s make too many values, or none")
    counts = Counter(int((at - times[0]) // step) for at in times)
    whole = int((times[-1] - times[0]) // step)  # the last step is not over
    return step, [counts[at] / step for at in range(whole)]


def _spaced(times: list[float], values: list[float | None]) -> tuple[float, list[float | None]]:
    """In equal steps: what is missing between is None."""
    gaps = Counter(round(later - earlier, 6) for earlier, later in pairwise(times))
    step = gaps.most_common(1)[0][0]
    if not step > 0 or (times[-1] - times[0]) / step > MOST_VALUES:
        raise ValueError(": its rows are not a step apart; where each is a request, have them counted: --step 60")
    spaced: list[float | None] = [None] * (round((times[-1] - times[0]) / step) + 1)
    for at, value in zip(times, values, strict=True):
        spaced[round((at - times[0]) / step)] = value
    return step, spaced


def _is_moment(text: str) -> bool:
    try:
        moment(text)
    except ValueError:
        return False
    return True


def plain(told: Backtest, missing: list[str]) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "step_seconds": told.step,
        "values": told.values,
        "gaps": told.gaps,
        "judged_from": told.judged_from,
        "milliseconds_a_step": round(told.seconds_a_step * 1000, 3),
        "not_installed": missing,
        "experts": {name: round(share, 3) for name, share in told.experts.items() if share >= 0.001},
        "horizons": [
            {"minutes": one.minutes, "wape": {name: round(wape, 3) for name, wape in one.wape.items()},
             "coverage": {str(share): round(found, 4) for share, found in one.coverage.items()}}
            for one in told.horizons
        ],
    }  # fmt: skip


def lines(told: Backtest, missing: list[str]) -> list[str]:
    """The result for people."""
    names = list(told.horizons[0].wape)
    out = [
        f"{told.values} values, {told.step:g} s apart, {told.gaps} gaps; judged from value {told.judged_from} on;"
        f" {told.seconds_a_step * 1000:.2f} ms a step",
        "",
        "error, % of all load (WAPE)" + "".join(f"{one.minutes:>10g} min" for one in told.horizons),
    ]
    for name in names:
        out.append(f"  {name:<25}" + "".join(f"{one.wape[name]:>14.2f}" for one in told.horizons))
    out.append("covered by our 90 % quantile" + "".join(f"{100 * one.coverage[0.9]:>12.1f} %" for one in told.horizons))
    weights = [f"{name} {100 * share:.0f} %" for name, share in told.experts.items() if share >= 0.05]
    out += ["", f"counted most at the end: {', '.join(weights)}"]
    if missing:
        out.append(f"not compared: {', '.join(missing)} (pip install 'penstock[rivals]')")
    return out

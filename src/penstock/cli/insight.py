"""``penstock insight``: what is out of the ordinary at the running gateway; or score the detector on recorded series.

Enters: nothing; or a CSV file ``timestamp,value`` and a JSON list of [start, end] windows. Leaves: a table or JSON. May
fail: Failure, with the line of the file that is wrong.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
from itertools import pairwise
from typing import Any

from penstock.cli.anomalies import add_anomalies, show_anomalies
from penstock.cli.failure import Failure
from penstock.cli.moments import printed
from penstock.cli.options import add_json, parser, print_json
from penstock.cli.recorded import moment, text_of
from penstock.insight.alarms import Alarm
from penstock.insight.evaluate import Report, evaluate


def main(arguments: list[str]) -> int:
    wants = parser(
        "insight",
        "Find what is out of the ordinary.",
        "The detector is the one that ships, at its defaults: nothing is tuned to the series.",
    )
    verbs = wants.add_subparsers(dest="verb", metavar="{anomalies,evaluate}", required=True)
    add_anomalies(verbs)
    about = "Play a labelled series as a stream: precision, recall, delay, false alarms, NAB score."
    verb = verbs.add_parser("evaluate", help="score the detector on a labelled series", description=about)
    verb.add_argument("--series", required=True, metavar="FILE", help="CSV with the columns timestamp and value")
    verb.add_argument("--windows", required=True, metavar="FILE", help="JSON list of [start, end]: when it was wrong")
    add_json(verb)
    options = wants.parse_args(arguments)
    if options.verb == "anomalies":
        return show_anomalies(options)
    times, values = read_series(options.series)
    try:
        report = evaluate(times, values, read_windows(options.windows))
    except ValueError as error:
        raise Failure(f"penstock insight: {options.series}: {error}") from None
    if options.json:
        print_json(plain(report))
    else:
        print("\n".join(lines(report)))
    return 0


def read_series(path: str) -> tuple[list[float], list[float]]:
    """Times (seconds since 1970) and values; an empty value is one that is missing. Raises Failure."""
    times, values = [], []
    rows = csv.reader(text_of(path, "insight").splitlines())
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and row[0].strip().lower() in ("timestamp", "time", "ds")):
            continue
        try:
            time, value = row
            times.append(moment(time))
            values.append(float(value) if value.strip() else math.nan)
        except ValueError as error:
            raise Failure(f"penstock insight: {path}:{number}: not timestamp,value: {error}") from None
    return times, values


def read_windows(path: str) -> list[tuple[float, float]]:
    """Windows as (start, end) in seconds since 1970. Raises Failure."""
    try:
        found = json.loads(text_of(path, "insight"))
    except ValueError as error:
        raise Failure(f"penstock insight: {path}: not JSON: {error}") from None
    windows = []
    for number, window in enumerate(found if isinstance(found, list) else [None], 1):
        try:
            start, end = map(moment, window)
            if start > end:
                raise ValueError("it ends before it begins")
        except (TypeError, ValueError) as error:
            raise Failure(f"penstock insight: {path}: window {number} is no [start, end]: {error}") from None
        windows.append((start, end))
    windows.sort()
    for (_, end), (start, _) in pairwise(windows):
        if start <= end:
            raise Failure(f"penstock insight: {path}: windows overlap at {printed(start)}")
    return windows


def plain(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    score = report.score
    return {
        "values": report.values,
        "windows": report.windows,
        "found": report.found,
        "precision": report.precision,
        "recall": report.recall,
        "delay_seconds": statistics.median(report.delays) if report.delays else None,
        "false_alarms": report.false,
        "false_alarms_a_day": report.false_a_day,
        "nab": {"score": score.normal, "points": score.points, "none": score.none, "best": score.best},
        "alarms": [_alarm(alarm) for alarm in report.alarms],
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "start": printed(alarm.start),
        "end": None if alarm.end is None else printed(alarm.end),
        "measure": alarm.measure,
        "severity": alarm.severity,
        "score": round(alarm.score, 2),
        "value": alarm.value,
        "expected": alarm.expected,
        "deviation": alarm.deviation,
    }


def lines(report: Report) -> list[str]:
    """The report for people."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f} %"

    delay = f"{statistics.median(report.delays):.0f} s" if report.delays else "-"
    normal = report.score.normal
    out = [
        f"{report.values} values over {report.days:.1f} days that count, {report.windows} windows",
        f"precision {share(report.precision)}, recall {share(report.recall)}, median delay {delay}",
        f"false alarms {report.false}, {report.false_a_day:.2f} a day",
        f"NAB score, standard profile: {'-' if normal is None else f'{normal:.1f}'} of 100",
    ]
    for alarm in report.alarms:
        end = "goes on" if alarm.end is None else f"to {printed(alarm.end)}"
        out.append(
            f"  {printed(alarm.start)}  {end:<22} {alarm.severity:<8} {alarm.measure:<6}"
            f" {alarm.value:.6g}, expected {alarm.expected:.6g}"
        )
    return out

"""What is asked about spending, and how it is told: rows by a name, totals, a forecast; as JSON or CSV. Pure.

Enters: a question and the Hours that it is about. Leaves: plain values; CSV whose cells no spreadsheet takes for a
formula. May fail: QuestionError for a question that cannot be answered.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from penstock.core.units import format_money, parse_duration
from penstock.cost.forecast import DAY, Forecast, forecast
from penstock.cost.hours import MOST, WAYS, Entry, Hour, Sums

BY = ("key", "model", "upstream", "tag", "hour", "day")
FORMATS = ("json", "csv")
NAMED = ("key", "model", "upstream", "tag")
MOST_ROWS = 10_000
DEFAULT_SINCE = "30d"
FORECAST_DAYS = 60
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_KNOWN = {*NAMED, "since", "until", "by", "format", "forecast"}
_COLUMNS = ("calls", "tokens_in", "tokens_cached", "tokens_out", "cost_dollars", "saved_dollars")


class QuestionError(ValueError):
    """``name`` is what is wrong in the question."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """From ``since`` until before ``until`` (Unix seconds), by what, and only what ``matched`` says."""

    since: float
    until: float
    by: str = "model"
    format: str = "json"
    matched: dict[str, str] = {}
    forecast: bool = True


def question_of(asked: Mapping[str, Any], now: float) -> Question:
    """The question in a query string or in the options of a command. Raises QuestionError."""
    for name in asked:
        if name not in _KNOWN:
            raise QuestionError(name, f"{name[:40]!r} is not known; there are {', '.join(sorted(_KNOWN))}")
    since = _moment("since", str(asked.get("since") or DEFAULT_SINCE), now)
    until = _moment("until", str(asked["until"]), now) if asked.get("until") else now + 1
    if until <= since:
        raise QuestionError("until", "until must be later than since")
    return Question(
        since=since,
        until=until,
        by=_one_of("by", str(asked.get("by") or "model"), BY),
        format=_one_of("format", str(asked.get("format") or "json"), FORMATS),
        matched={name: str(asked[name]) for name in NAMED if asked.get(name)},
        forecast=_one_of("forecast", str(asked.get("forecast") or "true"), ("true", "false")) == "true",
    )


def _one_of(name: str, text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise QuestionError(name, f"{name} must be one of {', '.join(known)}")
    return text


def _moment(name: str, text: str, now: float) -> float:
    """Unix seconds; a time before now, such as 7d; or a date or moment of UTC, such as 2026-11-01."""
    if text.isascii() and text.isdigit() and len(text) <= 11 and text != "0":
        return float(text)
    try:
        return max(0.0, now - parse_duration(text))
    except ValueError:
        pass
    try:
        moment = datetime.datetime.fromisoformat(text[:40])
    except ValueError:
        raise QuestionError(
            name, f"{name} must be a time before now (7d, 12h), a date (2026-11-01) or Unix seconds"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


class Gathering:
    """Sums up Hours, one by one: who gives it many lets others work meanwhile."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._rows: dict[str, Sums] = {}
        self._total = Sums()
        self._idle: dict[str, int] = {}
        self._days: dict[int, int] = {}
        self._naming = _NAMING[question.by]
        self._began = question.since // 3600 * 3600

    def add(self, hour: Hour) -> None:
        """Count it. An hour counts whole if it begins in the time asked for; of others only days are remembered."""
        question, rows = self._question, self._rows
        matched = question.matched
        inside = self._began <= hour.start < question.until
        spent = 0
        for entry in hour.entries:
            if matched and not _fits(entry, matched):
                continue
            spent += entry.sums.cost
            if inside:
                self._total.add(entry.sums)
                for name in self._naming(hour, entry):
                    row = rows.get(name)
                    if row is None:
                        row = rows[name] = Sums()
                    row.add(entry.sums)
        day = hour.start // DAY * DAY
        self._days[day] = self._days.get(day, 0) + spent
        for upstream, cost in hour.idle.items() if inside and set(matched) <= {"upstream"} else ():
            if matched.get("upstream", upstream) == upstream:
                self._idle[upstream] = self._idle.get(upstream, 0) + cost

    def told(self, now: float) -> dict[str, Any]:
        """``rows``: the dearest first, or in the order of time; ``total`` of them; ``idle``: what time without calls
        cost; ``forecast`` of the month, or why there is none. A call with several tags is in the row of each, so that
        rows by tag may come to more than the total."""
        question = self._question
        in_time = question.by in ("hour", "day")
        rows = sorted(self._rows.items(), key=lambda row: row[0] if in_time else (-row[1].cost, -row[1].calls, row[0]))
        told: dict[str, Any] = {
            "ok": True, "by": question.by, "since": question.since, "until": question.until,
            "rows": [_row(name, sums) for name, sums in rows[:MOST_ROWS]], "more": max(0, len(rows) - MOST_ROWS),
            "total": _row("", self._total), "idle": self._idle,
        }  # fmt: skip
        if question.forecast:
            found = forecast(self._days, now)
            told["forecast"] = {"problem": found} if isinstance(found, str) else _month(found)
        return told


def answer(hours: Iterable[Hour], question: Question, now: float) -> dict[str, Any]:
    """What ``hours`` say to the question."""
    gathering = Gathering(question)
    for hour in hours:
        gathering.add(hour)
    return gathering.told(now)


def _month(found: Forecast) -> dict[str, Any]:
    bounded = {name: min(getattr(found, name), MOST) for name in ("spent", "expected", "low", "high")}
    return {**found._asdict(), **bounded}


def _fits(entry: Entry, matched: Mapping[str, str]) -> bool:
    return all(
        wanted in (_tags(entry) if name == "tag" else (entry.names[NAMED.index(name)],))
        for name, wanted in matched.items()
    )


def _tags(entry: Entry) -> list[str]:
    return [tag for part in entry.names[3].split(",") if (tag := part.strip())] or [""]


def _hour(hour: Hour, entry: Entry) -> list[str]:
    return [datetime.datetime.fromtimestamp(hour.start, datetime.UTC).strftime("%Y-%m-%dT%H:00Z")]


def _day(hour: Hour, entry: Entry) -> list[str]:
    return [datetime.datetime.fromtimestamp(hour.start, datetime.UTC).strftime("%Y-%m-%d")]


_NAMING: dict[str, Callable[[Hour, Entry], list[str]]] = {
    "key": lambda _, entry: [entry.names[0]],
    "model": lambda _, entry: [entry.names[1]],
    "upstream": lambda _, entry: [entry.names[2]],
    "tag": lambda _, entry: list(dict.fromkeys(_tags(entry))),
    "hour": _hour,
    "day": _day,
}


def _row(name: str, sums: Sums) -> dict[str, Any]:
    sums = sums.bounded()
    return {
        "name": name, "calls": sums.calls, "tokens_in": sums.tokens_in, "tokens_cached": sums.tokens_cached,
        "tokens_out": sums.tokens_out, "cost": sums.cost, "estimated": sums.estimated, "unpriced": sums.unpriced,
        "saved": {how: getattr(sums, how) for how in WAYS},
    }  # fmt: skip


def as_csv(told: Mapping[str, Any]) -> str:
    """The rows and their total, for a spreadsheet: dollars with six decimals, names that begin like a formula with a
    quote before them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([told["by"], *_COLUMNS, *(f"saved_{how}_dollars" for how in WAYS)])
    for row in told["rows"]:
        writer.writerow([defused(row["name"]), *_numbers(row)])
    writer.writerow(["total", *_numbers(told["total"])])
    return text.getvalue()


def _numbers(row: Mapping[str, Any]) -> list[str]:
    saved = row["saved"]
    counts = [str(row[name]) for name in ("calls", "tokens_in", "tokens_cached", "tokens_out")]
    return [*counts, *(format_money(amount) for amount in (row["cost"], sum(saved.values()), *saved.values()))]


def defused(name: str) -> str:
    """A cell that is text to a spreadsheet, whatever it begins with, and holds nothing that a terminal would obey."""
    plain = "".join(sign if sign.isprintable() else " " for sign in name)
    return f"'{plain}" if name.startswith(_FORMULA) or plain.lstrip().startswith(_FORMULA[:4]) else plain

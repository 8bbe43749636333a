"""A question about the past: which measures, of what, from when to when, in which steps. Pure.

Enters: the fields of a query. Leaves: a Question. May fail: QuestionError, which says what there is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from penstock.core.units import parse_duration
from penstock.core.windows import DIMENSIONS
from penstock.history.measures import BY_PART, BY_ROOM, MEASURES, Measure
from penstock.history.tiers import Plan, StepError, plan

USUAL = "calls_per_second,error_share,ttft_p50,ttft_p95,total_p50,total_p95"
USUAL_BY_PART = "calls_per_second,error_share,total_mean,cost_per_hour"
FIELDS = ("since", "until", "step", "model", "upstream", "operation", "measures", "by", "dimension", "top")
BY = ("model", "upstream", "operation")
MOST_MEASURES = 24
MOST_SERIES = 50
USUAL_SERIES = 20
OLDEST = 3650 * 86_400.0
_AGO = re.compile(r"-(.+)")


class QuestionError(ValueError):
    """``name`` is the field that is wrong."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """``since`` and ``until`` are multiples of the step. ``matched``: what model, upstream and operation must be.
    ``by``: one of BY, or "" for one series. ``dimension``: the values of which are told, instead."""

    since: float
    until: float
    plan: Plan
    measures: dict[str, Measure]
    matched: dict[str, str] = {}
    by: str = ""
    dimension: str = ""
    top: int = USUAL_SERIES

    @property
    def times(self) -> list[float]:
        """The starts of all steps."""
        step = self.plan.step
        return [self.since + step * number for number in range(round((self.until - self.since) / step))]


def question_of(asked: Mapping[str, Any], now: float, kept: Mapping[str, float]) -> Question:
    """The question in ``asked``; ``kept``: for how long each tier is. Raises QuestionError."""
    for name in asked:
        if name not in FIELDS:
            raise QuestionError(name, f"{name[:40]!r} is not known; there are {', '.join(FIELDS)}")
    since = moment_of("since", asked.get("since") or "-6h", now)
    until = min(moment_of("until", asked.get("until") or "now", now), now)
    if since >= until:
        raise QuestionError("since", "since must lie before until, and in the past")
    if now - since > OLDEST:
        raise QuestionError("since", "nothing is kept for more than ten years")
    try:
        planned = plan(since, until, _step(asked.get("step") or "auto"), kept, now)
    except StepError as error:
        raise QuestionError("step", str(error)) from None
    dimension, by = str(asked.get("dimension") or ""), str(asked.get("by") or "")
    matched = {name: str(asked[name]) for name in BY if asked.get(name)}
    if by and by not in BY:
        raise QuestionError("by", f"by {by[:40]!r} is not known; there are {', '.join(BY)}")
    if dimension and dimension not in (*DIMENSIONS, "room"):
        raise QuestionError(
            "dimension", f"dimension {dimension[:40]!r} is not known; there are {', '.join((*DIMENSIONS, 'room'))}"
        )
    if dimension and (by or matched):
        raise QuestionError("dimension", f"by {dimension} nothing is kept of single models, upstreams and operations")
    return Question(
        since=math.floor(since / planned.step) * planned.step,
        until=math.ceil(until / planned.step) * planned.step,
        plan=planned,
        measures=_measures(str(asked.get("measures") or ""), dimension, bool(by or matched)),
        matched=matched,
        by=by,
        dimension=dimension,
        top=_top(asked.get("top")),
    )


def moment_of(name: str, text: Any, now: float) -> float:
    """Unix seconds in ``now``, ``-6h``, ``1800000000`` or ``2027-01-15T08:00:00Z``. Raises QuestionError."""
    said = str(text).strip()
    if said == "now":
        return now
    try:
        if ago := _AGO.fullmatch(said):
            return now - parse_duration(ago[1])
        if re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,6})?", said):
            return float(said)
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is not None and len(said) <= 40:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise QuestionError(name, f"{name} is now, -6h, Unix seconds or such as 2027-01-15T08:00:00Z")


def _step(text: Any) -> float | None:
    if text == "auto":
        return None
    try:
        said = str(text)
        return float(said) if said.isascii() and said.isdigit() else parse_duration(said)
    except ValueError:
        raise QuestionError("step", "step is auto, or such as 60s, 5m or 1h") from None


def _top(text: Any) -> int:
    said = str(text or USUAL_SERIES)
    if not (said.isascii() and said.isdigit() and len(said) <= 6 and int(said)):
        raise QuestionError("top", f"top is a whole number from 1 to {MOST_SERIES}")
    return min(int(said), MOST_SERIES)


def _measures(text: str, dimension: str, divided: bool) -> dict[str, Measure]:
    table = BY_ROOM if dimension == "room" else BY_PART if dimension else MEASURES
    usual = ",".join(BY_ROOM) if dimension == "room" else USUAL_BY_PART if dimension else USUAL
    names = [name.strip() for name in (text or usual).split(",") if name.strip()]
    if not 0 < len(names) <= MOST_MEASURES:
        raise QuestionError("measures", f"at least 1 and at most {MOST_MEASURES} measures are told at once")
    for name in names:
        if name not in table:
            there = ", ".join(sorted(table))
            of = f" by {dimension}" if dimension else ""
            raise QuestionError("measures", f"the measure {name[:40]!r} is not known{of}; there are {there}")
        if divided and table[name].of != "calls":
            raise QuestionError(
                "measures", f"{name} is of the whole gateway: ask for it without by, model and the like"
            )
    return {name: table[name] for name in names}

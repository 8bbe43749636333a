"""``scaling.pools.<name>.policy``: the rule by which a pool is sized, its numbers, schedules and what it may cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.units import Dollars, Seconds
from penstock.scaling.schedule import clock_of, zone_of

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MOST_SCHEDULES = 32
Bound = Annotated[int, Meta(ge=0, le=10_000)]
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)


class ScheduleConfig(Struct, frozen=True, kw_only=True):
    days: Annotated[list[Day], Meta(min_length=1, description="On which days it begins. Every day if absent.")] = field(
        default_factory=lambda: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    )
    begin: Annotated[str, Meta(description="Time of day, such as 07:30.")] = "00:00"
    end: Annotated[str, Meta(description="Time of day; not after `begin`: on the day after.")] = "24:00"
    zone: Annotated[str, Meta(description="Time zone, such as Europe/Berlin.")] = "UTC"
    min: Annotated[Bound | None, Meta(description="Replicas that stand then at least; begun a start earlier.")] = None
    max: Annotated[Bound | None, Meta(description="Replicas that stand then at most.")] = None

    def check(self) -> Iterator[Finding]:
        wrong = [name for name in ("begin", "end") if not _TIME.fullmatch(getattr(self, name))]
        for name in wrong:
            yield (name,), f"{name} is a time of day, such as 07:30"
        try:
            zone_of(self.zone)
        except ValueError as error:
            yield ("zone",), str(error)
        if self.min is None and self.max is None:
            yield (), "a schedule needs min, max or both"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield ("min",), "min must not be more than max"
        if not wrong and clock_of(self.begin) >= clock_of("24:00"):
            yield ("begin",), "the day begins at 00:00"


class PolicyConfig(Struct, frozen=True, kw_only=True):
    rule: Annotated[
        Literal["forecast", "tracking", "required", "steps", "fixed"],
        Meta(
            description="`forecast`: ready before the load that is expected; `tracking`: keep to `target`; `required`:"
            " the upper bound of what is expected and a tenth more, down only when less than 80 % is needed; `steps`:"
            " the composite metric's bands; `fixed`: `min`."
        ),
    ] = "forecast"
    ttft: Annotated[Seconds, Meta(gt=0, description="The goal for the time to the first token.")] = 2.0
    late: Annotated[
        float, Meta(gt=0, lt=1, description="Share of the calls that may be late: more, and a replica carries less.")
    ] = 0.01
    target: Annotated[
        float,
        Meta(gt=0, le=1, description="`tracking`, and while there is no forecast: use of what a replica carries."),
    ] = 0.7
    waiting: Annotated[
        float,
        Meta(
            ge=1, le=100_000, description="`forecast`: what a replica too few costs, one too many costing 1. The"
            " quantile of load that is made ready for is waiting / (waiting + 1): 19 makes 95 %.",
        ),
    ] = 19.0  # fmt: skip
    cooldown_out: Annotated[
        Annotated[Seconds, Meta(ge=0)] | None,
        Meta(
            description="No second growth before this, unless calls wait. Otherwise 2m; 3m for `steps`; none for"
            " `forecast`, which grows with what is expected."
        ),
    ] = None
    cooldown_in: Annotated[
        Annotated[Seconds, Meta(ge=0)] | None,
        Meta(description="Nothing is taken away sooner after a change. Otherwise 10m; 1m for `forecast`."),
    ] = None
    schedules: Annotated[
        list[ScheduleConfig],
        Meta(max_length=MOST_SCHEDULES, description="Other bounds by time of day and week, within the pool's own."),
    ] = field(default_factory=list)
    ceiling: Annotated[
        Dollars | None,
        Meta(gt=0, description="Dollars an hour that the pool may cost; never under its `min`. Needs a price."),
    ] = None

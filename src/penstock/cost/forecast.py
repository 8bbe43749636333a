"""What the month will come to, from the days so far. Pure.

Enters: what each day cost, the present moment. Leaves: a Forecast, or words where too little is known. Days are those
of UTC. The level is that of the last weeks, newer days counting more; a weekday's share of it is learned once two weeks
are known, and pulled to the mean where it is known from few weeks. The bounds hold nine times of ten if days go on to
vary as they did.
"""

from __future__ import annotations

import calendar
import datetime
import math
from collections.abc import Mapping
from typing import NamedTuple

DAY = 86_400
LEAST_DAYS = 3
WEEKS = 8
"""Days before that say nothing."""
HALF_LIFE = 10.0
"""Days after which a day counts half for the level."""
PROFILE_FROM = 14
"""Days that are known before weekdays are told apart."""
PULL = 2.0
"""So many weeks as usual are taken to have been seen of each weekday, besides those that were."""
NINETY = 1.645
WIDEST = 4.0
LEAST_SPREAD = 0.05


class Forecast(NamedTuple):
    """Micro-dollars of the whole month: what is spent and what may come; ``low`` and ``high`` bound it. ``days`` are
    those that it was made of. ``weekdays``: their shares of a usual day, Monday first."""

    month: str
    spent: int
    expected: int
    low: int
    high: int
    days: int
    weekdays: list[float]


def forecast(days: Mapping[int, int], now: float) -> Forecast | str:
    """``days``: micro-dollars by the Unix second at which a day begins; a day without a call need not be there."""
    today = int(now) // DAY * DAY
    first = min((day for day, cost in days.items() if day <= today), default=today)
    known = list(range(max(first + DAY, today - 7 * WEEKS * DAY), today, DAY))  # the first is no whole day
    if len(known) < LEAST_DAYS:
        return (
            f"A forecast needs {LEAST_DAYS} whole days of spending; there "
            f"{'is 1' if len(known) == 1 else f'are {len(known)}'} so far."
        )
    costs = {day: float(days.get(day, 0)) for day in known}
    shares = _shares(costs)
    weights = {day: 0.5 ** ((today - day) / DAY / HALF_LIFE) for day in known}
    whole = sum(weights.values())
    level = sum(weights[day] * costs[day] for day in known) / sum(weights[day] * shares[_weekday(day)] for day in known)
    spread = _spread(costs, shares, level, weights)
    effective = whole**2 / sum(weight**2 for weight in weights.values())
    return _told(days, now, level, shares, spread / math.sqrt(effective), spread, len(known))


def _told(
    days: Mapping[int, int], now: float, level: float, shares: list[float], doubt: float, spread: float, known: int
) -> Forecast:
    today = int(now) // DAY * DAY
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    begin = int(datetime.datetime(moment.year, moment.month, 1, tzinfo=datetime.UTC).timestamp())
    end = begin + calendar.monthrange(moment.year, moment.month)[1] * DAY
    spent = sum(cost for day, cost in days.items() if begin <= day <= today)
    left = dict.fromkeys(range(today + DAY, end, DAY), 1.0) | {today: 1.0 - (now - today) / DAY}
    to_come = sum(level * shares[_weekday(day)] * part for day, part in left.items())
    sigma = math.hypot(  # what each day may add by itself, and what the level may be wrong by on all of them
        spread * math.sqrt(sum(left.values())),
        doubt * sum(shares[_weekday(day)] * part for day, part in left.items()),
    )
    most = to_come * WIDEST + spread
    low, high = (max(0.0, to_come - NINETY * sigma), min(max(most, to_come), to_come + NINETY * sigma))
    return Forecast(
        f"{moment.year:04d}-{moment.month:02d}", spent, spent + round(to_come), spent + math.floor(low),
        spent + math.ceil(high), known, [round(share, 3) for share in shares],
    )  # fmt: skip


def _shares(costs: Mapping[int, float]) -> list[float]:
    mean = sum(costs.values()) / len(costs)
    if len(costs) < PROFILE_FROM or mean <= 0:
        return [1.0] * 7
    shares = []
    for weekday in range(7):
        of_it = [cost / mean for day, cost in costs.items() if _weekday(day) == weekday]
        shares.append((sum(of_it) + PULL) / (len(of_it) + PULL))
    scale = 7 / sum(shares)
    return [max(0.02, share * scale) for share in shares]


def _spread(costs: Mapping[int, float], shares: list[float], level: float, weights: Mapping[int, float]) -> float:
    """By how much a day differs from what is usual on its weekday, in micro-dollars."""
    squares = sum(weights[day] * (cost - level * shares[_weekday(day)]) ** 2 for day, cost in costs.items())
    found = math.sqrt(squares / sum(weights.values()) * len(costs) / max(1, len(costs) - 1))
    return max(found, LEAST_SPREAD * level)


def _weekday(day: int) -> int:
    return (day // DAY + 3) % 7  # 1970-01-01 was a Thursday

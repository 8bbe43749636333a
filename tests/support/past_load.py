"""A past that a gateway finds in its store: hours of calls of a model, minute by minute, and what a forecaster has
learned of them. Run as ``python -m tests.support.past_load FILE MODEL...``.

Enters: the file of a store that no gateway uses. Leaves: its history and its forecast, up to the minute that is over.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time

import msgspec

from penstock.assemble_forecast import KEEP, MINUTE
from penstock.assemble_forecast import TABLE as FORECAST
from penstock.core.windows import SPAN, Group, Window
from penstock.history.packing import packed
from penstock.history.store import Shelf
from penstock.history.tiers import MINUTE as MINUTES
from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.shelf import Written
from penstock.store.sqlite.store import SqliteDesk
from penstock.store.store import DeskStore

HOURS = 7
HOST = "local:0"
"""Under which a gateway keeps what it knows whose port is any that is free."""
SEEN = 400
"""Minutes that are learned from."""


def rates(seed: int) -> list[float]:
    """Calls a second: they come and go in two hours, with noise."""
    draw = random.Random(seed)
    return [
        max(0.0, 6 + 4 * math.sin(minute * math.tau / 120) + draw.gauss(0, 0.5)) / seed for minute in range(HOURS * 60)
    ]


async def write(path: str, models: list[str], now: float) -> None:
    """See the module."""
    store = DeskStore("sqlite", lambda: SqliteDesk(path, time.time, time.monotonic), shared=True)
    keep = {"ten_seconds": 86_400.0, "minute": 7 * 86_400.0, "hour": 365 * 86_400.0}
    shelf = Shelf(store, HOST, keep, time.time)
    begin = now // MINUTE * MINUTE - HOURS * 3600
    series = {model: rates(number) for number, model in enumerate(models, 1)}
    await shelf.last()
    for minute in range(HOURS * 60):
        groups = []
        for model, each in series.items():
            calls = round(each[minute] * MINUTE)
            groups.append(Group("chat", model, "gpu", calls=calls, tokens_in=calls * 300, tokens_out=calls * 120))
        start = begin + minute * MINUTE
        await shelf.put(MINUTES, start, packed(Window(start, MINUTE, groups)))
        shelf.mark(start if not minute else start + MINUTE - SPAN)
    records = store.records(FORECAST)
    for model, each in series.items():
        forecaster = Forecaster(MINUTE, zeros="real")
        for value in each[-SEEN:]:
            forecaster.add(round(value * MINUTE) / MINUTE)
        text = msgspec.msgpack.encode(Written(begin + (HOURS * 60 - 1) * MINUTE, 0, forecaster.dump()))
        records.put(f"{HOST}|model|{MINUTE:g}|requests|{model}".encode(), text, now + KEEP)
    assert await store.flush()
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2:], time.time()))

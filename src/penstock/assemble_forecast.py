"""The composition root's part for the forecast: worker 0 learns from each window what load will come.

Requests and tokens of each model and the load of each pool, in steps of a minute; that of pools also in steps of ten
seconds, for replicas that are there quickly. State is written to the store and read again after a restart. Without
numpy nothing is forecast, and that is said.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.assemble_history import host_name
from penstock.config import Config
from penstock.core.stored import Records
from penstock.core.windows import OTHER, SPAN, Window

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching
    from penstock.scaling.forecast.series import Series
    from penstock.scaling.forecast.shelf import Shelf
    from penstock.scaling.seen import Upper

log = logging.getLogger("penstock")

TABLE = "forecast"
KEEP = 14 * 86_400.0
MINUTE = 60.0
SOON = (1 / 6, 1 / 3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Minutes ahead of what is told in steps of ten seconds."""
SOON_SECONDS = 120.0
"""Up to so far ahead pools are told of by those."""
RATES = ("requests", "tokens_in", "tokens_out")
MOST_WAITING = 30
LAST_SECONDS = 1.0
NUMPY = "numpy"
NO_NUMPY = "nothing is forecast: it needs numpy, which is not installed: pip install 'penstock[forecast]'"


class Forecasting:
    """See the module. It survives reloads. ``seconds``: what it has computed for, in ``windows`` windows."""

    name = "forecast"

    def __init__(self, watching: Watching) -> None:
        self._watching = watching
        self._gateway = watching.gateway
        self._clock = watching.gateway.clock
        self._came = asyncio.Event()
        self._windows: deque[tuple[Window, dict[str, float]]] = deque(maxlen=MOST_WAITING)
        self._steps: Any = None
        self._models: Shelf | None = None
        self._pools: Shelf | None = None
        self._soon: Shelf | None = None
        self._records: Records | None = None
        self._enabled = False
        self._most = 0
        self._named: frozenset[str] = frozenset()
        self.trouble = "" if importlib.util.find_spec(NUMPY) is not None else NO_NUMPY
        self.seconds = 0.0
        self.windows = 0
        watching.answers["forecast"] = self.answer

    def open(self) -> None:
        """Begin, at the first worker."""
        if self._watching.leads:
            store = self._gateway.store
            self._records = None if store is None else store.records(TABLE)
            self._gateway.crew.supervise(self)

    def follow(self, config: Config) -> None:
        """Forecast what ``config`` says from now on; what is known of the rest stays."""
        from penstock.scaling.config import ScalingConfig

        section = config.of(ScalingConfig)
        self._enabled = section.forecast.enabled and not self.trouble
        self._most = section.forecast.models * len(RATES)
        self._named = frozenset(section.pools)
        if self._models is not None:
            self._models.most = self._most

    def take(self, window: Window, loads: dict[str, float]) -> None:
        """A window is over; ``loads``: that of each pool in it, a second."""
        if self._enabled:
            self._windows.append((window, loads))
            self._came.set()

    async def run(self) -> None:
        """Learn, window by window; write down what is known, at last all of it."""
        try:
            while True:
                await self._came.wait()
                self._came.clear()
                if self._models is None:
                    await asyncio.to_thread(importlib.import_module, "penstock.scaling.forecast.forecaster")
                    self._begin()
                await self.learn()
        finally:
            self._save_all()

    def _begin(self) -> None:
        from penstock.scaling.config import MOST_POOLS
        from penstock.scaling.forecast.forecaster import Forecaster
        from penstock.scaling.forecast.series import Steps
        from penstock.scaling.forecast.shelf import Shelf

        self._steps = Steps(MINUTE), Steps(MINUTE), Steps(SPAN)
        by_minute = partial(Forecaster, MINUTE, zeros="real")  # silence is told as such: zeros are zeros
        self._models = Shelf(MINUTE, self._most, by_minute)
        self._pools = Shelf(MINUTE, MOST_POOLS, by_minute)
        self._soon = Shelf(SPAN, MOST_POOLS, partial(Forecaster, SPAN, SOON, zeros="real"))

    def _shelves(self) -> Iterator[Shelf]:
        return (shelf for shelf in (self._models, self._pools, self._soon) if shelf is not None)

    async def learn(self) -> None:
        """Take in what came. Others have their turn after each value: it takes a millisecond."""
        now = time.thread_time
        while self._windows:
            began = now()
            self._sort(*self._windows.popleft())
            self.windows += 1
            self.seconds += now() - began
        for shelf in self._shelves():
            for name in list(shelf.awaited):
                stored = None if self._records is None else await self._records.get(self._key(shelf, name))
                shelf.restore(name, stored)
            for name, series in list(shelf.behind()):
                more = True
                while more:
                    began = now()
                    more = self._catch_up(shelf, name, series)
                    self.seconds += now() - began
                    await asyncio.sleep(0)
        await self._save()

    @staticmethod
    def _catch_up(shelf: Shelf, name: str, series: Series) -> bool:
        """One that cannot learn, whatever was read of it from the store, keeps none of the others from it."""
        try:
            return series.catch_up()
        except (ArithmeticError, LookupError, ValueError) as error:
            log.warning("the forecast of %s begins anew: it cannot go on from what is known (%s)", name, error)
            shelf.begin(name)
            return False

    def _sort(self, window: Window, loads: dict[str, float]) -> None:
        from penstock.history.tally import UNKNOWN

        amounts: dict[str, float] = {}
        for group in window.groups:
            if group.model not in (OTHER, UNKNOWN):
                for rate, amount in zip(RATES, (group.calls, group.tokens_in, group.tokens_out), strict=True):
                    name = f"{rate}|{group.model}"
                    amounts[name] = amounts.get(name, 0.0) + amount
        work = {name: load * window.known for name, load in loads.items()}
        for steps, shelf, sums in zip(self._steps, self._shelves(), (amounts, work, work), strict=True):
            for name in [name for name in shelf.series if shelf is not self._models and name not in self._named]:
                shelf.drop(name)
            for ended in steps.add(window.start, window.known, sums):
                shelf.take(ended)

    # ---- what outlives a restart

    def _key(self, shelf: Shelf, name: str) -> bytes:
        kind = "model" if shelf is self._models else "pool"
        return f"{host_name(self._gateway.config)}|{kind}|{shelf.step:g}|{name}".encode()

    async def _save(self) -> None:
        """The next that is due, a series a shelf, beside the loop: to pack one takes some milliseconds. Nobody else
        learns meanwhile."""
        now = self._clock.wall()
        for shelf in self._shelves():
            name = shelf.to_save(now)
            if self._records is not None and name is not None:
                written = await asyncio.to_thread(shelf.written, name, now)
                self._records.put(self._key(shelf, name), written, now + KEEP)

    def _save_all(self) -> None:
        """All of them, for this is the end; those that were written the longest ago first, and for no more than
        LAST_SECONDS."""
        now, until = self._clock.wall(), time.monotonic() + LAST_SECONDS
        for shelf in self._shelves():
            for name, series in sorted(shelf.series.items(), key=lambda one: one[1].saved):
                if self._records is None or time.monotonic() > until:
                    return
                if series.speaks and name not in shelf.awaited:
                    self._records.put(self._key(shelf, name), shelf.written(name, now), now + KEEP)

    # ---- what is asked

    def upper(self, pool: str) -> Upper | None:
        """What the load of ``pool`` will not exceed; None while nothing can be said."""
        from penstock.scaling.forecast.shown import upper_of

        soon = None if self._soon is None else self._soon.series.get(pool)
        later = None if self._pools is None else self._pools.series.get(pool)
        return upper_of(soon, later, SOON_SECONDS, self._clock.wall())

    def gauges(self) -> dict[str, Any]:
        """For the metrics page: by model and rate, what is expected."""
        from penstock.scaling.forecast.shown import expected

        series = {} if self._models is None else self._models.series
        return {name: told for name, one in series.items() if (told := expected(one)) is not None}

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What is expected of all models and pools in short, or of one ``model`` or ``pool`` minute by minute."""
        from penstock.scaling.forecast.shown import asked_of, shown

        if "do" in question:
            return {"status": 404, "code": "not_found", "problems": ["the forecast is only read"]}
        shelves = {"model": self._models, "pool": self._pools}
        asked = asked_of(question, shelves)
        if "problems" in asked:
            return asked
        a_window = self.seconds / self.windows if self.windows else 0.0
        head = {"enabled": self._enabled, "trouble": self.trouble, "milliseconds_a_window": round(a_window * 1000, 3)}
        return head | shown(shelves, asked, self._clock.wall())

"""The composition root's part for the degrade slice, which is optional: without it no call is given less."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from penstock.config import Config
from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.core.overload import Overload, Pressure
from penstock.core.ports import Stage
from penstock.routing.capabilities import Fit
from penstock.routing.table import Table


class Degradation:
    """The counts of one worker. They survive reloads; the steps that are on do not."""

    def __init__(self, overload: Overload, pressure: Pressure, now: Callable[[], float]) -> None:
        from penstock.degrade.counts import Counts

        self.counts = Counts()
        self._overload = overload
        self._pressure = pressure
        self._now = now

    def stages(self, config: Config, table: Table) -> dict[str, Stage]:
        """The rooms for ``config``; none where there are no steps."""
        from penstock.degrade.config import DegradeConfig
        from penstock.degrade.ladder import Ladder
        from penstock.degrade.stage import Degrade, Lessen

        steps = config.of(DegradeConfig).steps
        self.counts.steps = len(steps)
        self.counts.on = ()
        if not steps:
            return {}
        overload, pressure = self._overload, self._pressure
        degrade = Degrade(Ladder(steps), lambda: overload.load, lambda: pressure.level, self._now, self.counts)
        return {"degrade": degrade, "lessen": Lessen(fitting(table))}

    def oldest(self, config: Config) -> float:
        """How old a kept answer may be and still be told."""
        from penstock.degrade.config import DegradeConfig

        return config.of(DegradeConfig).oldest

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return self.counts.dump()


def fitting(table: Table) -> Callable[[Call, str], bool]:
    """Whether a model can take a call over, as its operator describes it."""

    def fits(call: Call, model: str) -> bool:
        try:
            entry = table.find(model)
        except CallerError:
            return False
        return not Fit(call).lacks(entry.capabilities, entry.sizes)

    return fits


def degradation(overload: Overload, pressure: Pressure, now: Callable[[], float]) -> Degradation | None:
    """A Degradation if the slice is installed."""
    if importlib.util.find_spec("penstock.degrade") is None:
        return None
    return Degradation(overload, pressure, now)

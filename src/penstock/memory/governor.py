"""What is done when memory is short, and undone when it is not: steps in their order, each with its effect. Pure.

Enters: how many bytes the process uses and the ledger holds. Leaves: the pressure that others read, the room of the
ledger, measures taken at whatever can give back. Each change is told in the log and counted.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from penstock.core.overload import Pressure
from penstock.core.ports import Reclaims
from penstock.memory.bands import BANDS, LEVELS, Measures, level_of, measures_of, next_band
from penstock.memory.ledger import UNBOUNDED, Ledger
from penstock.memory.limit import Limit

log = logging.getLogger("penstock")

SPARE = 0.06
"""Of the limit: kept free of what the ledger may give out, for what is not in it."""
LEAST = 0.02
"""Of the limit: what calls may hold in any case. Where memory stays full of what is not theirs, the process would else
refuse everybody until it is restarted."""
MIB = 1024 * 1024


class Governor:
    """See the module. ``caches`` and ``buffers`` give back; ``resume`` is told whether streams may be kept; ``base``:
    bytes that the idle process uses."""

    def __init__(
        self,
        limit: Limit,
        base: int,
        ledger: Ledger,
        pressure: Pressure,
        *,
        caches: Sequence[Reclaims],
        buffers: Sequence[Reclaims],
        resume: Callable[[bool], None],
        now: Callable[[], float],
    ) -> None:
        self.limit = limit
        self.base = base
        self.rss = base
        self.measures = LEVELS[0]
        self.alerting = False
        self.steps: Counter[str] = Counter()
        self.freed: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.alerts = 0
        self._ledger = ledger
        self._pressure = pressure
        self._caches = caches
        self._buffers = buffers
        self._resume = resume
        self._now = now

    def look(self, rss: int) -> Measures:
        """Take note of what the process uses now, and act on it. Gives the measures in force: collecting is left to who
        can choose the moment."""
        limit, ledger, pressure = self.limit.bytes, self._ledger, self._pressure
        self.rss = rss
        beside = max(self.base, rss - ledger.held)
        connections = self._held_by_connections()
        ledger.room = max(connections + int(limit * LEAST), int(limit * (1.0 - SPARE)) - beside)
        pressure.share = max(rss, ledger.held + self.base) / limit
        level = level_of(pressure.share, pressure.level)
        measures = measures_of(level, pressure.share, (ledger.held - connections) / limit)
        if level != pressure.level or measures != self.measures:
            self._change(level, measures)
        self._alert()
        ahead = next_band(pressure.share)
        ledger.alarm_at = UNBOUNDED if ahead > 1.0 else max(ledger.held, int(ahead * limit) - beside)
        return measures

    def _held_by_connections(self) -> int:
        """They stay, whether or not their calls are refused."""
        connections = self._ledger.accounts.get("connections")
        return 0 if connections is None else connections.held

    def follow(self, limit: Limit) -> None:
        """Another limit from now on."""
        self.limit = limit

    def note(self, step: str, freed: int, seconds: float) -> None:
        """A step was taken, with this effect."""
        self.steps[step] += 1
        self.freed[step] += max(0, freed)
        self.seconds[step] += seconds
        log.info("memory: %s: %.1f MiB came free in %.1f ms", step, max(0, freed) / MIB, seconds * 1000)

    def _change(self, level: int, measures: Measures) -> None:
        pressure, before = self._pressure, self.measures
        log.log(
            logging.WARNING if level > max(pressure.level, 2) else logging.INFO,
            "memory: %.0f %% of %d MiB in use (level %d, was %d); admitted: %s",
            pressure.share * 100, self.limit.bytes // MIB, level, pressure.level, _admitted(measures.floor),
        )  # fmt: skip
        pressure.level = level
        self.measures = measures
        if measures.caches != before.caches:
            self._squeeze("shrink caches" if measures.caches < before.caches else "widen caches", self._caches,
                          measures.caches)  # fmt: skip
        if measures.buffers != before.buffers:
            self._squeeze("shorten buffers" if measures.buffers < before.buffers else "lengthen buffers",
                          self._buffers, measures.buffers)  # fmt: skip
        if measures.resume != before.resume:
            self._resume(measures.resume)
            self.note("resume on" if measures.resume else "resume off", 0, 0.0)
        if measures.floor != before.floor:
            pressure.floor = measures.floor
            self.note("refuse" if measures.floor < 0 else "shed" if measures.floor < before.floor else "admit", 0, 0.0)

    def _squeeze(self, step: str, those: Sequence[Reclaims], share: float) -> None:
        began = self._now()
        freed = sum(one.squeeze(share) for one in those)
        self.note(step, freed, self._now() - began)

    def _alert(self) -> None:
        critical = self._pressure.share >= BANDS[-1]
        if critical and not self.alerting:
            self.alerts += 1
            held = sorted(self._ledger.accounts.values(), key=lambda account: -account.held)[:3]
            log.warning(
                "memory is critically short: %d of %d MiB in use, %d MiB accounted for (%s)",
                self.rss // MIB, self.limit.bytes // MIB, self._ledger.held // MIB,
                ", ".join(f"{account.name} {account.held // MIB} MiB" for account in held),
            )  # fmt: skip
        self.alerting = critical or (self.alerting and self._pressure.level >= len(BANDS))

    def dump(self) -> dict[str, Any]:
        """Plain values, for metrics and status."""
        return {
            "limit": self.limit.bytes,
            "source": self.limit.source,
            "base": self.base,
            "rss": self.rss,
            "room": self._ledger.room,
            "held": self._ledger.held,
            "refused": self._ledger.refused,
            "share": self._pressure.share,
            "level": self._pressure.level,
            "floor": self._pressure.floor,
            "alerts": self.alerts,
            "alerting": self.alerting,
            "steps": {
                step: [number, self.freed[step], self.seconds[step]] for step, number in sorted(self.steps.items())
            },
        }

    def __repr__(self) -> str:
        return f"<Governor {self.rss // MIB} of {self.limit.bytes // MIB} MiB, {self._pressure!r}>"


def _admitted(floor: int) -> str:
    return ("nobody", "class high", "classes high and normal", "all classes but batch", "everybody")[floor + 1]

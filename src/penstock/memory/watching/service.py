"""The loop that watches for leaks.

Enters: readings of what the worker holds. Leaves: an alarm in the log that names what grew, two collections, and where
memory is still critically short after them, caches that give up what they can. Fails never for what it finds; a
reading that fails is told and the next one comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from penstock.core.overload import Pressure
from penstock.memory.kinds import count_types, growing
from penstock.memory.leak import MIB, Finding, Leaks, Reading
from penstock.memory.leak_config import LeakConfig
from penstock.memory.ledger import BoundedAccount

log = logging.getLogger("penstock")

SILENT_SECONDS = 600.0
"""Between two lines about the same leak."""
SHOWN = 5


class Watched(Protocol):
    """The worker, as the watch sees it."""

    def readings(self) -> dict[str, Reading]:
        """What is held now, by name; ``memory`` always, in bytes."""

    def accounts(self) -> list[BoundedAccount]:
        """The ledger's."""

    def collect(self) -> int:
        """Look at everything for garbage, now. Objects freed."""

    def give_up(self) -> int:
        """Caches give up what they can, now. Bytes freed."""


class LeakWatch:
    """See the module."""

    name = "leak watch"

    def __init__(self, watched: Watched, pressure: Pressure, now: Callable[[], float]) -> None:
        self.config = LeakConfig()
        self.alarms: Counter[str] = Counter()
        self.clean_ups = 0
        self.freed = {"collect": 0, "clean up": 0}
        self.last: dict[str, Any] | None = None
        self._watched = watched
        self._pressure = pressure
        self._now = now
        self._leaks = Leaks(self.config, now())
        self._told: dict[str, float] = {}
        self._types: Counter[str] | None = None
        self._suspected = 0

    def follow(self, config: LeakConfig) -> None:
        """The settings in force; others than before begin anew."""
        if config != self.config:
            self.config = config
            self._leaks = Leaks(config, self._now())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.config.every)
            if self.config.enabled:
                try:
                    self.look()
                except Exception:
                    log.exception("what is held could not be read")

    def look(self) -> None:
        """Read once, and act on what is found."""
        now = self._now()
        readings = self._watched.readings()
        found = self._leaks.add(now, self._pressure.share, readings)
        suspected = sum(self._leaks.suspicions.values())
        if suspected != self._suspected and self._types is None:
            self._types = count_types()  # what grew since then is told with the alarm
        self._suspected = suspected
        for finding in found:
            self.alarms[finding.name] += 1
            if now - self._told.get(finding.name, -SILENT_SECONDS) >= SILENT_SECONDS:
                self._told[finding.name] = now
                self._alarm(finding, readings["memory"].value)

    def _alarm(self, finding: Finding, rss: float) -> None:
        after = count_types()
        types = growing(self._types or Counter(), after, SHOWN) if self._types is not None else []
        self._types = None
        held = sorted(self._watched.accounts(), key=lambda account: -account.held)[:SHOWN]
        self.last = {
            **finding._asdict(), "a_call": finding.a_call, "at": self._now(), "rss": rss,
            "share": self._pressure.share, "objects": sum(after.values()),
            "accounts": [[account.name, account.held, account.bound] for account in held],
            "types": [list(pair) for pair in types],
        }  # fmt: skip
        log.warning("%s", told(self.last))
        if finding.name == "memory":
            self._reclaim(rss)

    def _reclaim(self, before: float) -> None:
        """Collect twice, since the first may make more garbage; then what is left is that which somebody refers to."""
        freed = self._watched.collect() + self._watched.collect()
        rss = self._watched.readings()["memory"].value
        self.freed["collect"] += max(0, int(before - rss))
        log.warning("two collections freed %d objects: %.0f MiB are left of %.0f", freed, rss / MIB, before / MIB)
        share = self._pressure.share * rss / before if before else 0.0
        if share > self.config.critical:
            self.clean_ups += 1
            given = self._watched.give_up()
            self.freed["clean up"] += given
            after = self._watched.readings()["memory"].value
            log.warning(
                "memory is critically short (%.0f %%): caches gave up %.1f MiB; %.0f MiB are left of %.0f",
                share * 100, given / MIB, after / MIB, rss / MIB,
            )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "suspicions": dict(self._leaks.suspicions),
            "alarms": dict(self.alarms),
            "clean_ups": self.clean_ups,
            "freed": dict(self.freed),
            "last": self.last,
        }

    def __repr__(self) -> str:
        return f"<LeakWatch {self._leaks!r}, alarms {dict(self.alarms)}>"


def told(alarm: dict[str, Any]) -> str:
    """An alarm as a line: what grew, how fast, what is held, what else grew."""
    memory = alarm["name"] == "memory" or alarm["name"].startswith("account ")
    unit, per = (MIB, " MiB") if memory else (1, "")
    by = f", {alarm['a_call'] / 1024:.1f} KiB a call" if memory and alarm["calls"] else ""
    accounts = ", ".join(f"{name} {held / MIB:.1f} MiB" for name, held, _ in alarm["accounts"] if held)
    types = ", ".join(f"{name} +{more:,}" for name, more in alarm["types"])
    return (
        f"leak suspected: {alarm['name']} grew by {alarm['growth'] / unit:.1f}{per} in {alarm['seconds']:.0f} s and"
        f" {alarm['calls']} calls{by}, which neither load nor accounts explain; now {alarm['value'] / unit:.1f}{per};"
        f" memory {alarm['rss'] / MIB:.0f} MiB ({alarm['share'] * 100:.0f} % of the limit),"
        f" {alarm['objects']:,} objects followed; accounts: {accounts or 'none'};"
        f" types: {types or 'none that the collector follows'}; 'penstock doctor --memory' tells the lines of code"
    )

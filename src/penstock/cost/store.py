"""The ledger of spending in the store: an hour of a worker a record, days that are long over one record each.

Enters: what a worker counted. Leaves: Hours of all workers and hosts that share the store. A record is written whole
again while its hour lasts, so that a write that is lost costs nothing once a later one is kept. May fail: not at all;
while the store is away, what is counted waits here.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

from penstock.core.stored import Store
from penstock.cost.hours import HOUR, Hour, decoded, encoded, folded
from penstock.cost.spend import Bucket

TABLE = "spend"
DAY = 86_400
FOLDED_AFTER = 2 * DAY
"""A day's hours are kept apart for so long after its end."""
HOURS_KEPT = 14 * DAY
"""Days that are older have no hours any more: their entries stand for the whole day."""
CLAIM_SECONDS = 3600.0


class Named(NamedTuple):
    """A record: its key, what it stands for."""

    name: str
    hour: Hour


class Book:
    """See the module. ``wall``: Unix seconds; ``keep``: for how many; ``most``: entries of a folded record."""

    def __init__(self, store: Store, wall: Callable[[], float], keep: float, most: int = 2000) -> None:
        self._store = store
        self._records = store.records(TABLE)
        self._wall = wall
        self.keep = keep
        self.most = most
        self.unread = 0

    def write(self, bucket: Bucket) -> bool:
        """Queue what was counted so far. False when the store takes nothing more: it is to be tried again."""
        name = f"h{bucket.start:011d}.{bucket.mark}"
        expires = bucket.start + self.keep
        if self._records.put(name.encode(), encoded(bucket.hour()), expires):
            bucket.changed = False
            return True
        return False

    async def read(self, since: float, until: float = math.inf) -> list[Hour]:
        """All that begins in that time; days that were folded count for their first second."""
        found = await self._all(lambda start: since - DAY <= start < until)
        return [one.hour for one in found if since <= one.hour.start]

    async def _all(self, wanted: Callable[[int], bool]) -> list[Named]:
        """What begins when it is ``wanted``, each once: a record that another was made of does not count."""
        found: dict[str, Hour] = {}
        self.unread = 0
        async for batch in self._records.scan():
            for key, value in batch:
                name = key.decode("ascii", "replace")
                if name[1:12].isdigit() and wanted(int(name[1:12])):
                    try:
                        found[name] = decoded(value)
                    except ValueError:
                        self.unread += 1
        gone = {part for hour in found.values() for part in hour.parts}
        return [Named(name, hour) for name, hour in found.items() if name not in gone]

    # ---- folding

    async def fold(self) -> int:
        """Make one record of the many of a day that is long over. How many days were done."""
        now = self._wall()
        names: dict[int, list[str]] = {}
        async for batch in self._records.scan():
            for key, _ in batch:
                name = key.decode("ascii", "replace")
                if name[1:12].isdigit() and (day := int(name[1:12]) // DAY * DAY) + DAY + FOLDED_AFTER <= now:
                    names.setdefault(day, []).append(name)
        done = 0
        for day, there in sorted(names.items()):
            hourless = day + DAY + HOURS_KEPT <= now
            if not self._is_done(there, hourless) and await self._claim(day, hourless):
                found = await self._all(range(day, day + DAY).__contains__)
                self._fold_day(day, found, hourless)
                done += 1
        return done

    @staticmethod
    def _is_done(names: list[str], hourless: bool) -> bool:
        """Whether each hour, or the day, has one record, and it is a folded one."""
        if hourless:
            return len(names) == 1 and names[0][0] == "d"
        return all(name[0] != "h" for name in names) and len({name[:12] for name in names}) == len(names)

    async def _claim(self, day: int, hourless: bool) -> bool:
        """Whether it is this worker that does it: two at once might each miss what the other has written."""
        with contextlib.suppress(OSError):
            name = f"cost.fold.{'d' if hourless else 'h'}{day}"
            return await self._store.counters.add(name, 1, self._wall() + CLAIM_SECONDS) == 1
        return False

    def _fold_day(self, day: int, records: list[Named], hourless: bool) -> None:
        groups: dict[int, list[Named]] = {}
        for one in records:
            groups.setdefault(day if hourless else one.hour.start, []).append(one)
        for start, members in groups.items():
            made = folded(members, start, DAY if hourless else HOUR, self.most)
            name = f"{'d' if hourless else 'f'}{start:011d}.{len(members)}.{int(self._wall())}"
            if self._records.put(name.encode(), encoded(made), day + self.keep):
                self._records.delete([one.name.encode() for one in members])

    def __repr__(self) -> str:
        return f"<Book in {self._store!r}>"

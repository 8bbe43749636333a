"""The composition root's part for the history slice: what was is remembered, written down and told.

The leading worker is given each window of ten seconds. It writes them to the store, and sums them into minutes and
hours, which it writes when they end. After a restart it goes on with the minute and the hour that had not ended.
Without a store, or switched off, it keeps those of the last hour packed and tells of them.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.assemble_store import store_kind
from penstock.config import Config
from penstock.core.windows import SPAN, Window, joined

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching
    from penstock.history.asking import Question
    from penstock.history.store import Shelf
    from penstock.history.tiers import Tier

HAND_SECONDS = 3600.0
MOST_PENDING = 60
"""Windows that wait to be written; of more the oldest are not."""
AGAIN_SECONDS = 5.0
"""Between two looks for a store that is away: what was written before must be read first, or it would be replaced."""
TOGETHER = 25
"""Windows read before others have their turn."""


class Past:
    """See the module. ``name`` is the service's that writes."""

    name = "history"

    def __init__(self, watching: Watching) -> None:
        from penstock.history.rollup import Ladder
        from penstock.history.tiers import HOUR, MINUTE

        self._watching = watching
        self._gateway = watching.gateway
        self._packed: deque[tuple[float, Mapping[str, bytes]]] = deque(maxlen=int(HAND_SECONDS / SPAN) + 1)
        self._pending: deque[Window] = deque(maxlen=MOST_PENDING)
        self._came = asyncio.Event()
        self._ladder = Ladder(MINUTE.span, HOUR.span)
        self._shelf: Shelf | None = None
        self._keep: dict[str, float] = {}
        watching.history = self
        watching.takers.append(self.take)
        watching.answers["history"] = self.answer

    def open(self) -> None:
        """The leader begins to write, after it has read what was."""
        if self._watching.leads:
            self._gateway.crew.supervise(self)

    def follow(self, config: Config) -> None:
        """Keep as ``config`` says from now on."""
        from penstock.history.config import HistoryConfig
        from penstock.history.store import Shelf

        section = config.of(HistoryConfig)
        keep = section.keep
        self._keep = {"ten_seconds": keep.ten_seconds, "minute": keep.minute, "hour": keep.hour}
        store = self._gateway.store
        if store is None or not section.enabled or not self._watching.leads:
            self._shelf = None
            return
        host = section.host or host_name(config)
        if self._shelf is None or self._shelf.host != host:
            self._shelf = Shelf(store, host, self._keep, self._gateway.clock.wall)
        self._shelf.keep = self._keep
        self._packed.clear()

    # ---- what comes in

    def take(self, window: Window) -> None:
        """One more window of ten seconds."""
        self._pending.append(window)
        self._came.set()

    async def run(self) -> None:
        """Go on where the history ends, then write each window that comes."""
        await self._begin()
        while True:
            await self._came.wait()
            self._came.clear()
            while self._pending:
                await self._write(self._pending.popleft())

    async def _begin(self) -> None:
        from penstock.history.rollup import Ladder, floor
        from penstock.history.tiers import HOUR, MINUTE, TEN

        shelf = self._shelf
        if shelf is None:
            return
        while not await shelf.reached():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(AGAIN_SECONDS)
        last = await shelf.last()
        if last is None:
            return
        self._watching.gathering.resume(last)  # other workers may have had calls while there was no leader
        self._ladder = Ladder(MINUTE.span, HOUR.span)
        minute = floor(last, MINUTE.span)
        for packed in await self._own(shelf, MINUTE, floor(last, HOUR.span), minute):
            self._ladder.add(packed.window(), 1)
            await asyncio.sleep(0)
        for packed in await self._own(shelf, TEN, minute, last + SPAN):
            await self._roll(packed.window())

    async def _own(self, shelf: Shelf, tier: Tier, since: float, until: float) -> list[Any]:
        """This host's windows, oldest first; those that cannot be read are passed over."""
        found = [_opened(columns) async for host, columns in shelf.read(tier, since, until) if host == 0]
        return sorted((one for one in found if one is not None), key=lambda one: float(one.start))

    async def _write(self, window: Window) -> None:
        from penstock.history.packing import packed
        from penstock.history.tiers import TEN

        columns = packed(window)
        if self._shelf is None:
            self._packed.append((window.start, columns))
        else:
            await self._shelf.put(TEN, window.start, columns)
            self._shelf.mark(window.start)
        await asyncio.sleep(0)
        await self._roll(window)

    async def _roll(self, window: Window) -> None:
        from penstock.history.packing import packed
        from penstock.history.tiers import HOUR, MINUTE

        for ended in self._ladder.add(window):
            await asyncio.sleep(0)
            if self._shelf is not None:
                tier = MINUTE if ended.seconds == MINUTE.span else HOUR
                await self._shelf.put(tier, ended.start, packed(ended))

    # ---- what is asked

    async def between(self, since: float, until: float, step: float) -> list[Window]:
        """See History."""
        from penstock.history.packing import COLUMNS
        from penstock.history.rollup import rolled
        from penstock.history.tiers import plan

        now = self._gateway.clock.wall()
        tier = plan(since, until, step, self._keep, now).tier
        found: dict[float, list[Window]] = {}
        count = 0
        async for _, packed in self._read(tier, since, until, COLUMNS):
            if packed is None:
                continue
            found.setdefault(packed.start, []).append(packed.window())
            count += 1
            if not count % 5:
                await asyncio.sleep(0)
        one_each = [
            windows[0] if len(windows) == 1 else joined(windows, start, windows[0].seconds)
            for start, windows in sorted(found.items())
        ]
        return rolled(one_each, step) if step > tier.span or tier.span > SPAN else one_each

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Series, as ``history/reading.py`` tells them."""
        from penstock.history.asking import QuestionError, question_of

        try:
            question = question_of(asked, self._gateway.clock.wall(), self._keep)
        except QuestionError as error:
            return {"status": 400, "code": "bad_query", "param": error.name, "problems": [str(error)]}
        return await self._told(question)

    async def _told(self, question: Question) -> dict[str, Any]:
        from penstock.history.reading import Fold

        fold = Fold(question)
        unread = count = 0
        async for host, packed in self._read(question.plan.tier, question.since, question.until, fold.wanted):
            try:
                if packed is None:
                    unread += 1
                else:
                    fold.add(packed, host)
            except ValueError:
                unread += 1
            count += 1
            if not count % TOGETHER:
                await asyncio.sleep(0)
        series = []
        for one in fold.series():
            series.append(one)
            await asyncio.sleep(0)
        return {**fold.answer(series), "unread": unread}

    async def _read(
        self, tier: Tier, since: float, until: float, wanted: Sequence[str]
    ) -> AsyncIterator[tuple[int, Any]]:
        """The windows that are kept of a tier, packed, and what is not yet in it, as far as ``wanted``; with the number
        of their host. None for one that cannot be read."""
        from penstock.history.packing import Packed, packed
        from penstock.history.tiers import TEN

        if self._shelf is None:
            for start, columns in list(self._packed):
                if since <= start < until:
                    yield 0, _opened(columns)
            return
        async for host, columns in self._shelf.read(tier, since, until, wanted):
            yield host, _opened(columns)
        if tier is not TEN:
            for window in self._ladder.unfinished:
                if since <= window.start < until and window.seconds <= tier.span:
                    yield 0, Packed(packed(window, wanted))

    def __repr__(self) -> str:
        return f"<Past {len(self._packed)} windows at hand, {len(self._pending)} to write, {self._shelf!r}>"


def _opened(columns: Mapping[str, bytes]) -> Any:
    from penstock.history.packing import Packed

    try:
        return Packed(columns)
    except ValueError:
        return None


def host_name(config: Config) -> str:
    """Under which a gateway keeps its history: a file is of one machine, whatever that is called today."""
    from penstock.edge.config import ListenConfig

    machine = socket.gethostname() if store_kind(config) == "redis" else "local"
    return f"{machine}:{config.of(ListenConfig).port}"


def history(watching: Watching) -> Past | None:
    """A Past; the slice is installed where there is a Watching."""
    return Past(watching)

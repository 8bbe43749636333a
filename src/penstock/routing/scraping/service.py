"""Reads the metrics pages of upstreams, each about once an interval, one after the other.

Enters: which targets have a page, and how it is got. Leaves: ``load.scraped`` of each target. A page that hangs, is
huge or garbage, or cannot be had, is ignored and counted: what was told before holds until it is too old, then nothing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from penstock.core.errors import Fail
from penstock.core.tasks import Crew
from penstock.routing.affinity_config import ScrapeConfig
from penstock.routing.scraped import Scraped
from penstock.routing.scraping.page import LARGEST_PAGE, read
from penstock.routing.targets import Target

TOKENS_PER_BLOCK = 256
"""Of a prompt, about, behind each block of the prefix index: between its short blocks and its long ones."""
MOST_SKIPPED = 15
"""One whose page fails is tried ever more seldom, down to every 16th round."""


class Fetch(Protocol):
    """``fetch(method, path, body, within, limit)``: an answer's status and body, as ``HttpProvider.probe`` gives it."""

    def __call__(
        self, method: str, path: str, body: bytes, within: float, limit: int
    ) -> Awaitable[tuple[int, bytes]]: ...


class Watched(NamedTuple):
    """A target, and where its page is."""

    target: Target
    path: str
    fetch: Fetch


class Past:
    """What came of the pages of one target. ``misses``: failures in a row; ``skips``: rounds to be left out;
    ``started``: when its process did."""

    __slots__ = ("is_asked", "misses", "skips", "started")

    def __init__(self) -> None:
        self.is_asked = False
        self.misses = 0
        self.skips = 0
        self.started: float | None = None

    def is_due(self) -> bool:
        """Whether to ask in this round."""
        if self.skips:
            self.skips -= 1
            return False
        return not self.is_asked

    def note(self, is_good: bool) -> None:
        """A page was good, or was not."""
        self.misses = 0 if is_good else self.misses + 1
        self.skips = 0 if is_good else min(2 ** min(self.misses, 10) - 1, MOST_SKIPPED)


class Scraper:
    """A Service. ``watched`` are the targets with pages; ``results`` counts ``(upstream's name, result)``."""

    name = "metrics of upstreams"

    def __init__(
        self,
        watched: Callable[[], Iterable[Watched]],
        now: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._watched = watched
        self._now = now
        self._uniform = uniform
        self._pasts: dict[Target, Past] = {}
        self.terms = ScrapeConfig()
        self.results: Counter[tuple[str, str]] = Counter()

    async def run(self) -> None:
        """Round after round; the pages of one round are spread over it, so that they are not all parsed at once."""
        crew = Crew("scrapes")
        try:
            while True:
                watched = list(self._watched()) if self.terms.enabled else []
                self._forget_all_but(watched)
                pause = self.terms.interval * self._uniform(0.75, 1.25) / max(1, len(watched))
                for one in watched:
                    await asyncio.sleep(pause)
                    past = self._pasts.setdefault(one.target, Past())
                    if past.is_due():
                        past.is_asked = True
                        crew.spawn(self._scrape(one, past), one.target.name)
                if not watched:
                    await asyncio.sleep(pause)
        finally:
            await crew.aclose()

    def _forget_all_but(self, watched: Iterable[Watched]) -> None:
        kept = {one.target for one in watched}
        names = {target.name for target in kept}
        self._pasts = {target: past for target, past in self._pasts.items() if target in kept}
        for key in [key for key in self.results if key[0] not in names]:
            del self.results[key]

    async def _scrape(self, one: Watched, past: Past) -> None:
        try:
            result = await self._result(one, past)
            self.results[one.target.name, result] += 1
            past.note(result == "ok")
        finally:
            past.is_asked = False

    async def _result(self, one: Watched, past: Past) -> str:
        """One page read; a word of a closed set."""
        within = self.terms.timeout
        try:
            async with asyncio.timeout(within):
                status, text = await one.fetch("GET", one.path, b"", within, LARGEST_PAGE)
        except TimeoutError:
            return "late"
        except OverflowError:
            return "huge"
        except Fail:
            return "failed"
        if status != 200:
            return "refused"
        if len(text) > LARGEST_PAGE:
            return "huge"
        page = read(text)
        if not page.tells:
            return "garbage"
        target = one.target
        target.load.scraped = Scraped(self._now(), page.running, page.waiting, page.kv, target.in_flight)
        if page.kv_tokens is not None:
            target.prefixes.limit(target.slot, int(page.kv_tokens / TOKENS_PER_BLOCK))
        if page.started is not None:
            if past.started not in (None, page.started):
                target.prefixes.clear(target.slot)  # it was started anew, with nothing in its cache
            past.started = page.started
        return "ok"

    def __repr__(self) -> str:
        return f"<Scraper of {len(self._pasts)} upstreams>"

"""The composition root's part for the journal slice, which is optional: without it no call leaves a row."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.config import Config
from penstock.core.exchange import Exchange
from penstock.core.ports import Stage
from penstock.core.stored import Store

if TYPE_CHECKING:
    from penstock.assemble import Gateway

LOG = "journal"
FLUSH_SECONDS = 1.0
"""A disk that hangs does not keep what it has stored from being read."""


class Diary:
    """The journal of one worker. It survives reloads; ``begin`` gives it the store."""

    def __init__(self, gateway: Gateway) -> None:
        from penstock.journal.notes import Notes

        self.notes = Notes(gateway.clock.wall)
        self._wall = gateway.clock.wall
        self._number = gateway.number
        self._keep_for = 0.0
        self._crew = gateway.crew
        self._store: Store | None = None
        self._stage: Any = None
        self.annotate: Callable[[list[dict[str, Any]]], Awaitable[None]] | None = None
        """Puts what callers thought beside the rows that are told."""

    def begin(self, store: Store | None) -> None:
        """Write there from now on; without a store nothing is written."""
        from penstock.journal.service import Ageing, Secret

        self._store = store
        if store is not None:
            self._crew.supervise(Secret(store.counters, self.notes.key))
            if self._number == 0:  # one does it for all
                self._crew.supervise(Ageing(self.age))

    async def age(self) -> None:
        """Let the rows go that have become too old."""
        from penstock.journal.reading import newest_before

        log = self.notes.log
        if self._keep_for and log is not None and (upto := await newest_before(log, self._since_ms)):
            log.drop(upto)

    @property
    def _since_ms(self) -> int:
        """No older rows are told."""
        return int((self._wall() - self._keep_for) * 1000) if self._keep_for else 0

    def stage(self, config: Config) -> Stage | None:
        """The room for ``config``; None while it is switched off."""
        from penstock.journal.config import JournalConfig
        from penstock.journal.stage import Journal

        section = config.of(JournalConfig)
        if not section.enabled or self._store is None:
            return None
        return Journal(self.notes, section.classifications)

    def follow(self, config: Config) -> None:
        """Keep as ``config`` says from now on."""
        from penstock.journal.config import JournalConfig
        from penstock.journal.redaction import Redaction
        from penstock.journal.stage import Journal

        section = config.of(JournalConfig)
        self.flush()
        self._keep_for = section.keep_for
        self.notes.redact = Redaction(section.redact) if section.redact else None
        self.notes.prompt_bytes = section.prompt_bytes if section.prompts else 0
        writes = section.enabled and self._store is not None
        self.notes.log = self._store.log(LOG, section.keep) if writes and self._store is not None else None
        self._stage = Journal(self.notes, section.classifications) if writes else None

    def note(self, exchange: Exchange) -> None:
        """A call that outlived its caller has ended: it did not pass the room."""
        if self._stage is not None:
            self._stage.note(exchange)

    def flush(self) -> None:
        """Write what is held."""
        self.notes.flush()

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows, as ``journal/reading.py`` tells them, and what is kept at all."""
        from penstock.journal.reading import QuestionError, answer, question_of

        try:
            question = question_of(asked)
        except QuestionError as error:
            return {"ok": False, "status": 400, "code": "bad_query", "param": error.name, "problems": [str(error)]}
        log, store = self.notes.log, self._store
        kept = {"enabled": log is not None, "prompts": bool(self.notes.prompt_bytes)}
        if log is None or store is None:
            return {"ok": True, **kept, "rows": [], "next": "", "unread": 0}
        self.flush()  # so that a call that has just ended is among them
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await store.flush()
        young = msgspec.structs.replace(question, since_ms=max(question.since_ms, self._since_ms))
        found = await answer(log, young)
        if self.annotate is not None:
            await self.annotate(found["rows"])
        return {"ok": True, **kept, **found}


def diary(gateway: Gateway) -> Diary | None:
    """A Diary if the slice is installed."""
    return Diary(gateway) if importlib.util.find_spec("penstock.journal") is not None else None

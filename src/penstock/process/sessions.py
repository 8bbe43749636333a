"""The sessions of the dashboard, kept by the supervisor for all workers.

Enters: questions of workers and of the control socket. Leaves: plain answers; every worker is told what changed before
the answer is given, so that a session counts, or no longer does, wherever the next request comes.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.edge.sessions import LINK_SECONDS, LOCAL_USER, Desk

log = logging.getLogger("penstock")
Tell = Callable[[str, Any], Awaitable[list[Any]]]


class DeskOfAll:
    """See the module. ``tell`` asks every worker, by a name and a value."""

    def __init__(self, tell: Tell, wall: Callable[[], float] = time.time) -> None:
        self._desk = Desk(secrets.token_bytes)
        self._tell = tell
        self._wall = wall

    def rows(self) -> list[dict[str, Any]]:
        """All sessions, as workers are told of them."""
        return [msgspec.to_builtins(row) for row in self._desk.rows(self._wall())]

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """``do`` is ``open`` (for the key ``by``), ``redeem`` (a ``link``) or ``close`` (a ``token``)."""
        do, now = question["do"], self._wall()
        if do == "close":
            ended = self._desk.close(str(question["token"]))
            await self._publish()
            return {"ok": ended}
        keyed = do == "open"
        if not keyed and not self._desk.redeem(str(question["link"]), now):
            return {"ok": False}
        by = str(question["by"]) if keyed else LOCAL_USER
        token, _ = self._desk.open(by, keyed, now)
        await self._publish()
        log.info("a session of the dashboard was opened by %s", by)
        return {"ok": True, "token": token, "by": by}

    async def link(self, question: Any) -> dict[str, Any]:
        """For the control socket: a link of one use; with ``end`` all sessions are ended instead."""
        if question and question.get("end"):
            number = self._desk.close_all()
            await self._publish()
            return {"ok": True, "ended": number}
        return {"ok": True, "link": self._desk.link(self._wall()), "seconds": LINK_SECONDS}

    async def _publish(self) -> None:
        await self._tell("sessions", self.rows())

    def __repr__(self) -> str:
        return f"<DeskOfAll {self._desk!r}>"

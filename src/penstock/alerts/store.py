"""The history of alerts in the store: a row each time that one opens, grows worse or closes.

Enters: news. Leaves: at start, the alerts that were closed and those of this gateway that were open when it ended. Rows
of another shape are passed over. A store that is away keeps nothing, and holds up nobody.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.alerts.book import News
from penstock.core.alert import Alert
from penstock.core.stored import Log, Missed

PAGE = 500


class _Row(msgspec.Struct):
    gateway: str
    alert: Alert


_decoder = msgspec.json.Decoder(_Row)


class History:
    """``gateway`` is our own name: others may write to the same log."""

    def __init__(self, log: Log, gateway: str) -> None:
        self._log = log
        self._gateway = gateway

    def write(self, news: News) -> None:
        """Keep it."""
        row: dict[str, Any] = {"gateway": self._gateway, "alert": news.alert}
        self._log.append(msgspec.json.encode(row))

    async def read(self) -> tuple[list[Alert], list[Alert]]:
        """Closed ones (anybody's) by the moment of their end, and ours that were open."""
        last: dict[tuple[str, str, float], Alert] = {}
        position = ""
        while True:
            try:
                rows = await self._log.read(position, PAGE)
            except Missed:
                break
            for _, text in rows:
                try:
                    row = _decoder.decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                last[row.gateway, row.alert.id, row.alert.opened] = row.alert
            if len(rows) < PAGE:
                break
            position = rows[-1][0]
        closed = sorted((one for one in last.values() if one.closed is not None), key=lambda one: one.closed or 0.0)
        ours = [one for (gateway, *_), one in last.items() if gateway == self._gateway and one.closed is None]
        return closed, ours

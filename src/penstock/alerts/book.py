"""What is open, what was, and what of it is news. Pure but for the moments that it is given.

Enters: alerts as they are told, again and again. Leaves: News where somebody should know: an alert opened, became more
severe, or closed. What opens again soon after it closed is no news until it has lasted. Bounded: beyond ``MOST_OPEN``
open ones and ``keep`` closed ones the oldest go.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Literal, NamedTuple

import msgspec

from penstock.core.alert import SEVERITIES, Alert, Severity

MOST_OPEN = 1000
MOST_SUBJECTS = 10_000
What = Literal["opened", "raised", "closed", "test"]


class News(NamedTuple):
    """``worst``: the most severe that the alert has been."""

    what: What
    alert: Alert
    worst: Severity

    @property
    def key(self) -> str:
        """The same for all news of one alert, other for every other alert."""
        return f"{self.alert.id}-{int(self.alert.opened * 1000)}"


class _Open:
    """``due``: when it is news if it is still open; 0 where it was told."""

    __slots__ = ("alert", "due", "worst")

    def __init__(self, alert: Alert, due: float) -> None:
        self.alert = alert
        self.worst: Severity = alert.severity
        self.due = due


class Book:
    """See the module. Moments are Unix seconds."""

    def __init__(self, keep: int = 1000, repeat: float = 300.0) -> None:
        self.repeat = repeat
        self._open: dict[str, _Open] = {}
        self._closed: deque[Alert] = deque(maxlen=keep)
        self._ended: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self.opened: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)

    def resize(self, keep: int) -> None:
        """Remember so many closed ones from now on."""
        if keep != self._closed.maxlen:
            self._closed = deque(self._closed, maxlen=keep)

    def restore(self, closed: list[Alert]) -> None:
        """Closed alerts of former times, oldest first."""
        self._closed = deque([*closed, *self._closed], maxlen=self._closed.maxlen)

    def tell(self, alert: Alert, now: float) -> list[News]:
        """Take an alert as it is now."""
        alert = msgspec.structs.replace(alert)  # who told it may go on writing to its own
        news: list[News] = []
        known = self._open.get(alert.id)
        if known is not None and known.alert.opened != alert.opened:  # another one under the same id
            news += self._close(known, msgspec.structs.replace(known.alert, closed=now))
            known = None
        if known is None:
            if alert.closed is not None and self._is_closed(alert):
                return news
            known, told = self._opens(alert, now)
            news += told
        elif alert.closed is None:
            news += self._changes(known, alert)
        if alert.closed is not None:
            news += self._close(known, alert)
        return news

    def due(self, now: float) -> list[News]:
        """What was kept back, and has lasted."""
        news = []
        for known in self._open.values():
            if 0 < known.due <= now:
                known.due = 0.0
                news.append(News("opened", known.alert, known.worst))
        return news

    def _opens(self, alert: Alert, now: float) -> tuple[_Open, list[News]]:
        news: list[News] = []
        if len(self._open) >= MOST_OPEN:
            oldest = next(iter(self._open.values()))
            news += self._close(oldest, msgspec.structs.replace(oldest.alert, closed=now))
        ended = self._ended.get(_subject(alert))
        due = ended + self.repeat if ended is not None and now < ended + self.repeat else 0.0
        known = self._open[alert.id] = _Open(alert, due)
        self.opened[alert.severity] += 1
        if not due:
            news.append(News("opened", alert, alert.severity))
        return known, news

    def _changes(self, known: _Open, alert: Alert) -> list[News]:
        known.alert = alert
        if SEVERITIES.index(alert.severity) <= SEVERITIES.index(known.worst):
            return []
        known.worst = alert.severity
        return [] if known.due else [News("raised", alert, alert.severity)]

    def _close(self, known: _Open, alert: Alert) -> list[News]:
        del self._open[known.alert.id]
        self._closed.append(alert)
        self._ended[_subject(alert)] = alert.closed or 0.0
        self._ended.move_to_end(_subject(alert))
        if len(self._ended) > MOST_SUBJECTS:
            self._ended.popitem(last=False)
        return [] if known.due else [News("closed", alert, known.worst)]

    def knows(self, alert: Alert) -> bool:
        """Whether this very alert is open here, or was."""
        known = self._open.get(alert.id)
        return (known is not None and known.alert.opened == alert.opened) or self._is_closed(alert)

    def _is_closed(self, alert: Alert) -> bool:
        return any(other.id == alert.id and other.opened == alert.opened for other in self._closed)

    def open_ones(self) -> list[Alert]:
        """The most severe first, then the newest."""
        ones = [known.alert for known in self._open.values()]
        return sorted(ones, key=lambda one: (-SEVERITIES.index(one.severity), -one.opened))

    def closed_ones(self, count: int) -> list[Alert]:
        """The last ``count``, newest first."""
        return list(self._closed)[: -count - 1 : -1] if count > 0 else []

    def counts(self) -> dict[str, int]:
        """Open ones by severity."""
        found: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
        for known in self._open.values():
            found[known.alert.severity] += 1
        return found

    def __repr__(self) -> str:
        return f"<Book {len(self._open)} open, {len(self._closed)} closed>"


def _subject(alert: Alert) -> tuple[str, str, str]:
    """What an alert is about."""
    facts = alert.facts
    return alert.name, str(facts.get("model", "")), str(facts.get("upstream", ""))

"""The news that wait for one webhook: bounded, paced, tried again. Pure but for the moments and chances it is given.

Of one alert only the newest waits: who was not told that it opened is told once, that it is over. When the line is
full the oldest goes. Each is tried ``tries`` times, with doubling pauses or as the receiver asks.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.alerts.book import News
from penstock.core.alert import SEVERITIES, Severity

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LONGEST_ASKED = 600.0


class Line:
    """See the module. ``floor``: what is less severe is passed over; ``closing``: the end of an alert is told, too.
    Moments are monotonic seconds. ``busy``: a post is under way."""

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self.follow("low")
        self._waiting: dict[str, News] = {}
        self._left = 1.0
        self._since: float | None = None
        self._tried = 0
        self._pause = 0.0
        self.until = 0.0
        self.busy = False
        self.results = dict.fromkeys(("sent", "retried", "refused", "failed", "dropped"), 0)
        self.trouble = ""

    def follow(self, floor: Severity, *, closing: bool = True, tries: int = 6, rate: int = 30, most: int = 100) -> None:
        """Do so from now on; what waits goes on waiting."""
        self._floor = SEVERITIES.index(floor)
        self._closing = closing
        self._tries = tries
        self._rate = rate
        self._most = most

    def offer(self, news: News) -> None:
        """It is to be told, if it is severe enough."""
        if SEVERITIES.index(news.worst) < self._floor:
            return
        waits = self._waiting.pop(news.key, None)
        if news.what == "closed" and not self._closing:
            if waits is not None:
                self.results["dropped"] += 1
            return
        if waits is not None and waits.what == "opened" and news.what == "raised":
            news = News("opened", news.alert, news.worst)
        if len(self._waiting) >= self._most:
            del self._waiting[next(iter(self._waiting))]
            self.results["dropped"] += 1
        self._waiting[news.key] = news

    def next(self, now: float) -> News | None:
        """The oldest, if it may be posted now."""
        if self.busy or not self._waiting or now < self.until:
            return None
        burst = max(1.0, self._rate / 6)
        if self._since is not None:
            self._left = min(burst, self._left + (now - self._since) * self._rate / 60)
        else:
            self._left = burst
        self._since = now
        if self._left < 1.0:
            return None
        self._left -= 1.0
        return next(iter(self._waiting.values()))

    def sent(self, news: News) -> None:
        """The receiver took it."""
        self._done(news)
        self.results["sent"] += 1
        self.trouble = ""

    def refused(self, news: News, why: str) -> None:
        """The receiver will never take it."""
        self._done(news)
        self.results["refused"] += 1
        self.trouble = why

    def failed(self, news: News, why: str, now: float, after: float | None = None) -> None:
        """It did not arrive: it is tried again, or given up. ``after``: seconds that the receiver asks to wait."""
        self._tried += 1
        self.trouble = why
        if self._tried >= self._tries:
            self._done(news)
            self.results["failed"] += 1
        else:
            self.results["retried"] += 1
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        self.until = now + (min(after, LONGEST_ASKED) if after is not None else self._pause * self._uniform(0.8, 1.2))

    def _done(self, news: News) -> None:
        if self._waiting.get(news.key) is news:  # else something newer waits by now
            del self._waiting[news.key]
        self._tried = 0
        self._pause = self.until = 0.0

    @property
    def waiting(self) -> int:
        """How many are to be told."""
        return len(self._waiting)

    def __repr__(self) -> str:
        return f"<Line of {len(self._waiting)}, {self.results['sent']} sent>"

"""Histories for tests of what asks them: they answer with what they were given, and say what they were asked."""

from __future__ import annotations

from penstock.core.windows import SPAN, Window


class History:
    """Answers with what it was given, and says what it was asked."""

    def __init__(self, *windows: Window, error: Exception | None = None) -> None:
        self.windows = list(windows)
        self.error = error
        self.asked: list[tuple[float, float, float]] = []

    async def between(self, since: float, until: float, step: float) -> list[Window]:
        self.asked.append((since, until, step))
        if self.error is not None:
            raise self.error
        return self.windows


class Kept(History):
    """A history as it is kept: hours, minutes and tens of seconds, each once it has ended."""

    def __init__(self, *windows: Window, least: float = SPAN) -> None:
        super().__init__(*windows)
        self.least = least

    async def between(self, since: float, until: float, step: float) -> list[Window]:
        await super().between(since, until, step)
        if step < self.least:
            raise ValueError("too fine")
        return [one for one in self.windows if since <= one.start < until]

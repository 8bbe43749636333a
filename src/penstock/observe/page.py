"""The metrics page while it is written, as the files that put something on it see it. Pure."""

from __future__ import annotations

from typing import Protocol

from penstock.observe.histogram import Histogram


class Page(Protocol):
    """Text under way."""

    def put(self, name: str, value: float, **labels: object) -> None:
        """One sample of a metric."""

    def put_histogram(self, name: str, histogram: Histogram, **labels: object) -> None:
        """All samples of a histogram."""

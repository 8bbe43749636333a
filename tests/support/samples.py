"""A metrics page that keeps what was put on it, for the tests of the files that put it there."""

from collections.abc import Container
from typing import Any

from penstock.observe.histogram import Histogram


class Samples:
    """What was put, by name without ``prefix`` and labels, each once; all of it in the table ``metrics``. Of a
    histogram its counts and sum."""

    def __init__(self, metrics: Container[str], prefix: str) -> None:
        self.of: dict[tuple[Any, ...], Any] = {}
        self._metrics = metrics
        self._prefix = prefix

    def put(self, name: str, value: Any, **labels: object) -> None:
        assert name in self._metrics
        key = (name.removeprefix(self._prefix), *labels.values())
        assert key not in self.of
        self.of[key] = value

    def put_histogram(self, name: str, histogram: Histogram, **labels: object) -> None:
        self.put(name, (histogram.counts, histogram.sum), **labels)

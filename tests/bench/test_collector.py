import gc
from collections.abc import Iterator

import pytest

from bench import collector


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_frozen_is_not_looked_at() -> None:
    for kind in (collector.entries, collector.streams):
        found = collector.measure(kind, 3000)
        assert found["objects"] >= 3000
        assert found["frozen_ms"] < found["full_ms"]

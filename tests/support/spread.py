"""How the tests are spread over processes (``-n``): those of a file follow one another in one of them. Those of some
folders come when all others are done, one after another: they judge how soon something happens, and want no other
tests beside them.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE = ("tests/bench/", "tests/edge/dashboard/", "tests/faults/")
"""Short twins of benches; a browser; who leaves must be heard of within 100 ms."""


def part_of(nodeid: str) -> str:
    """What the test goes with: its file, or all that come last."""
    return "" if nodeid.startswith(ALONE) else nodeid.partition("::")[0]


def in_order(items: list[pytest.Item]) -> None:
    """Put those that want to be alone behind all others."""
    items.sort(key=lambda item: part_of(item.nodeid) == "")


class Spread(LoadScopeScheduling):
    """Deals out files as they come, whichever process is free."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)

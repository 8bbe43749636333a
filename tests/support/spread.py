"""How the tests are spread over processes (``-n``): those of a file follow one another in one of them, and those of
some folders, too, which share what is dear to start or want no other of their kind beside them.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/bench/", "tests/edge/dashboard/", "tests/faults/")
"""Twins of benches that judge what a gateway does under load; one browser at a time; two gateways for all faults."""


def part_of(nodeid: str) -> str:
    """What the test goes with: its folder, where that is one of ``TOGETHER``, else its file."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


class Spread(LoadScopeScheduling):
    """The parts with the most tests go first, so that the long ones are not left for the end."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)

"""Says it once when the bound has ended semantic hits, for a model or in one partition, and when they have returned.

Enters: a verifier after something was learned. Leaves: a line of the log for each change. Bounded in stops that are
remembered; beyond, one may be said again. May fail: not at all.
"""

from __future__ import annotations

import logging

from penstock.cache.verify.verdict import Id
from penstock.cache.verify.verifier import Verifier

log = logging.getLogger("penstock")

MOST_SAID = 10_000


class Stops:
    """See the module."""

    def __init__(self) -> None:
        self._said: set[tuple[str, Id | None]] = set()

    def look(self, model: str, verifier: Verifier, partition: Id) -> None:
        """Something was learned of an answer in ``partition``."""
        for place in (None, partition):
            stopped = verifier.status(place).stopped
            name = (model, place)
            if bool(stopped) == (name in self._said):
                continue
            where = f"model {model}" + ("" if place is None else f", partition {_shown(place)}")
            if stopped:
                if len(self._said) < MOST_SAID:
                    self._said.add(name)
                log.warning("semantic hits have ended for %s: %s", where, stopped)
            else:
                self._said.discard(name)
                log.warning("semantic hits have returned for %s", where)

    def __repr__(self) -> str:
        return f"<Stops {len(self._said)}>"


def _shown(partition: Id) -> str:
    return partition.hex()[:12] if isinstance(partition, bytes) else str(partition)

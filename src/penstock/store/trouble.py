"""Whether a store takes what it is given: said in the log when it changes, and while it lasts once a minute. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable

from penstock.store.counts import Counts

log = logging.getLogger("penstock.store")

TELL_SECONDS = 60.0


class Trouble:
    """``text`` is what is wrong now, "" when all is well."""

    def __init__(self, name: str, counts: Counts, now: Callable[[], float]) -> None:
        self._name = name
        self._counts = counts
        self._now = now
        self._tell_at = now()
        self._refused = False
        self._told = False
        self.text = ""

    def met(self, error: object, *, refused: bool = False) -> None:
        """Something could not be done. ``refused``: a write, by a store that is there: reading will not mend it."""
        self.text = (str(error) or type(error).__name__).removeprefix(f"{self._name}: ")
        self._refused = refused
        if self._now() >= self._tell_at:
            self._tell_at = self._now() + TELL_SECONDS
            self._told = True
            log.error("the store %s: %s; %d writes were lost so far", self._name, self.text, self._counts.lost)

    def over(self, *, written: bool) -> None:
        """Something was ``written``, or read."""
        if self.text and (written or not self._refused):
            self.text = ""
            if self._told:
                self._told = False
                log.warning("the store %s is well again; %d writes were lost so far", self._name, self._counts.lost)

    def __repr__(self) -> str:
        return f"<Trouble of {self._name}: {self.text or 'none'}>"

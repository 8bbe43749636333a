"""How long a replica takes from being wanted to its first answer, as measured. Pure: time is passed in.

Enters: the replicas of a pool, look after look. Leaves: seconds that most starts stay within. A start that lasts longer
already than any that was seen counts for what it lasts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from penstock.scaling.replica import Replica

KEPT = 20
LONGEST_SECONDS = 86_400.0
"""What was said to have taken longer was none."""
SHARE = 0.9
MOST_NAMES = 10_000
"""Replicas whose start was counted; of those the longest ago are forgotten. One is known by its name and when it was
asked for: who starts another command counts from 0 again."""


class Starts:
    """See the module."""

    def __init__(self, known: Iterable[float] = ()) -> None:
        self._took = [float(one) for one in known if 0 < one <= LONGEST_SECONDS][-KEPT:]
        self._counted: OrderedDict[tuple[str, float], None] = OrderedDict()
        self._anew = bool(self._took)
        self._lasts = 0.0

    def see(self, replicas: Sequence[Replica], now: float) -> bool:
        """Count the starts that have ended since, and note how long one lasts. Returns whether some have ended."""
        self._lasts = max((now - one.asked for one in replicas if one.state == "starting" and one.asked), default=0.0)
        return self.count(replicas)

    def count(self, replicas: Sequence[Replica]) -> bool:
        """Count the starts that have ended since. Returns whether there were some."""
        anew, self._anew = self._anew, False  # what stands after a restart was counted before it
        new = False
        for one in replicas:
            if one.took > 0 and (one.name, one.asked) not in self._counted:
                self._counted[one.name, one.asked] = None
                if not anew:
                    self._took = [*self._took, one.took][-KEPT:]
                    new = True
        while len(self._counted) > MOST_NAMES:
            self._counted.popitem(last=False)
        return new

    @property
    def seconds(self) -> float:
        """What most starts stay within; 0 while none was seen."""
        known = sorted(self._took)
        usual = known[min(len(known) - 1, int(SHARE * len(known)))] if known else 0.0
        return max(usual, self._lasts)

    @property
    def measured(self) -> list[float]:
        """The newest, oldest first."""
        return list(self._took)

    def __repr__(self) -> str:
        return f"<Starts of {self.seconds:.3g} s, {len(self._took)} measured>"

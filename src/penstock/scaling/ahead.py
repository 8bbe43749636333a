"""Sized ahead: ready before the load that is expected, and no smaller before it is sure that nobody will miss it. Pure.

Enters: what is seen, with the forecast's quantiles. Leaves: how many replicas. Out: the load that a start's time from
now will not be exceeded with the share that waiting costs against idling (the newsvendor's rule), never less than what
comes and waits now. In: only what the rest can do without over the whole time until one could be back, with the calls
that must move. Without a forecast: target tracking.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from penstock.scaling.rule import Need
from penstock.scaling.seen import Seen
from penstock.scaling.tracking import Tracking

REACTION = 10.0
"""Seconds until load is seen and decided on."""
UNKNOWN_START = 60.0
"""Seconds that a start is taken for before one was seen."""
CLEARED, SOONEST = 30.0, 2.0
"""Seconds in which what waits is to be done once those that it needs have started: between these, as starts take."""
LOOKS = (0.0, 0.5, 1.0)
"""Looks ahead before one is taken away, in starts."""
SMOOTHED = 15.0
"""Seconds over which the load of now is a mean."""
SURPRISE = 0.03
"""How far the load of now usually is from what was said of it, in truth and not by chance."""
MOST_MOVED = 2.0
"""Times that a forecast is moved at most."""
LEAST_KEPT = 0.5
"""Of what stands, so much stays at one decision: a forecast that is wrong about all is found out in between. Of one,
nothing: a pool may stand at zero."""


class Ahead:
    """A Rule. ``waiting``: what a replica too few costs, one too many costing 1; ``target``: of tracking; ``drain``:
    seconds that one which goes may end its calls in."""

    name = "forecast"

    def __init__(self, waiting: float, target: float, drain: float = 0.0) -> None:
        self.share = waiting / (waiting + 1.0)
        self._drain = drain
        self._tracking = Tracking(target)
        self._load = 0.0
        self._a_call = 0.0
        self._at = -math.inf

    def need(self, seen: Seen) -> Need:
        """See the module."""
        if seen.carries <= 0:
            return self._tracking.need(seen)
        starts = seen.starts or UNKNOWN_START
        lead = starts + REACTION
        floor = self._floor(seen)
        upper = self._moved(seen)
        expected = None if upper is None else upper(lead)
        if upper is None or expected is None:
            need = self._tracking.need(seen)
            wanted = max(need.wanted, _count(floor, seen.carries))
            return Need(wanted, f"no forecast yet: {need.reason}", 0.0, wanted > seen.wanted)
        if not floor:
            expected = self._if_a_call(expected, lead)
        wanted = _count(max(floor, expected), seen.carries)
        said = (
            f"load {seen.load:.4g} now, in {lead:.0f} s at most {expected:.4g} ({self.share:.2%}); "
            f"a replica carries {seen.carries:.4g}"
        )
        if seen.waiting:
            said += f"; {seen.waiting:.0f} wait"
        if wanted < seen.wanted:
            kept = self._kept(seen, lead, wanted, upper)
            if kept > wanted:
                said += f"; fewer than {kept} could be too few before one is back"
            wanted = min(seen.wanted, kept)
        return Need(wanted, said, _confidence(seen, lead), wanted > seen.wanted)

    def _floor(self, seen: Seen) -> float:
        """The load of now, or of the last seconds where that is more, with what waits."""
        a_call = seen.load / seen.requests if seen.requests > 0 else 0.0
        self._a_call = a_call or self._a_call
        cleared = min(CLEARED, max(SOONEST, seen.starts or UNKNOWN_START))
        return max(seen.load, seen.burst) + seen.waiting * a_call / cleared

    def _if_a_call(self, load: float, seconds: float) -> float:
        """That load if it makes a whole call in that time, else none: of one that comes a part would come, too."""
        return load if load * seconds >= self._a_call else 0.0

    def _moved(self, seen: Seen) -> Callable[[float], float] | None:
        """The forecast's upper quantile at so many seconds, moved by how far the load of now is from what it says of
        now: it was made of whole minutes past. A few calls more or less are chance, and move it little."""
        keep = math.exp(-max(0.0, seen.at - self._at) / SMOOTHED)
        self._load = keep * self._load + (1 - keep) * seen.load
        self._at = seen.at
        usual = None if seen.upper is None else seen.upper(0.0, 0.5)
        if seen.upper is None or usual is None:
            return None
        ask, share = seen.upper, self.share
        chance = 1.0 / max(1e-9, seen.requests * 2 * SMOOTHED)
        trust = SURPRISE**2 / (SURPRISE**2 + chance)
        factor = (
            min(MOST_MOVED, max(1 / MOST_MOVED, self._load / usual)) ** trust if usual > 0 and self._load > 0 else 1.0
        )
        return lambda seconds: (ask(seconds, share) or 0.0) * factor

    def _kept(self, seen: Seen, lead: float, wanted: int, upper: Callable[[float], float]) -> int:
        """How many must stay so that the rest is safe until one could be back."""
        most = max(upper(lead * look) for look in LOOKS)
        if not wanted:
            most = self._if_a_call(most, lead)
        kept = max(wanted, _count(most, seen.carries))
        if seen.wanted > 1:
            kept = max(kept, math.ceil(LEAST_KEPT * seen.wanted))
        going = seen.standing - kept
        if going > 0 and seen.ready and seen.requests > 0:
            # Calls of those that go and cannot end there in time are done again by the rest, within the drain.
            response = seen.response or 0.0
            left = math.exp(-self._drain / response) if response > 0 else 0.0
            moved = seen.in_flight * min(1.0, going / seen.ready) * left * seen.load / seen.requests
            kept = max(kept, _count(max(seen.load, most) + moved / max(self._drain, REACTION), seen.carries))
        return kept

    def __repr__(self) -> str:
        return f"<Ahead at {self.share:.4g}>"


def _count(load: float, carries: float) -> int:
    return math.ceil(load / carries - 1e-9)


def _confidence(seen: Seen, lead: float) -> float:
    """1 where the forecast's 10 % and 90 % meet, 0 where they lie endlessly far apart."""
    assert seen.upper is not None
    lower, upper = seen.upper(lead, 0.1), seen.upper(lead, 0.9)
    if lower is None or upper is None:
        return 0.0
    return 2 * lower / (lower + upper) if upper > 0 else 1.0

"""The specification's sizing: the upper bound of what is expected and a tenth more; down only below 80 %. Pure.

Enters: what is seen. Leaves: how many replicas. Growth begins a start ahead; nothing goes that could be needed before
it was back. Without a forecast, what comes now stands for what is expected.
"""

from __future__ import annotations

import math

from penstock.scaling.ahead import REACTION, UNKNOWN_START
from penstock.scaling.capacity import SHRINK_BELOW, Terms, required
from penstock.scaling.rule import Need, unknown
from penstock.scaling.seen import Seen

MOST = 1_000_000
UPPER = 0.9


class Required:
    """A Rule."""

    name = "required"

    def need(self, seen: Seen) -> Need:
        """See the module."""
        if seen.carries <= 0:
            return unknown(seen, "what a replica carries is not known yet")
        lead = (seen.starts or UNKNOWN_START) + REACTION
        told = None if seen.upper is None else [seen.upper(lead * look, UPPER) for look in (0.5, 1.0)]
        most = max([seen.load, *[one for one in told or [] if one is not None]])
        wanted = required(most, Terms(seen.carries, least=0, most=MOST))
        said = f"at most {most:.4g} within {lead:.0f} s, and a tenth more; a replica carries {seen.carries:.4g}"
        if math.ceil(SHRINK_BELOW * seen.wanted - 1e-9) <= wanted < seen.wanted:
            return Need(seen.wanted, f"{said}; {wanted} are not less than 80 % of {seen.wanted}")
        return Need(wanted, said, 0.0 if told is None else 1.0)

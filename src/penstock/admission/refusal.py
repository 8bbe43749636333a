"""What a call is told that may not wait, waited in vain, or must go: why, and when to come back. Pure.

429 where its key has more here than its share, else 503. When to come back is how long it would have waited, as seats
come free at present, a little longer for some than for others: who was refused together should not come back together.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.priority import NAMES

SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 120.0
SPREAD = 1.5
"""The longest of what those are told who would have waited alike, in times of the shortest."""

_WHY = {
    "full": "as many calls wait {where} as may, and none of them should go before yours",
    "late": "it would wait {where} for about {wait:.1f} s, which is longer than it may",
    "timeout": "it has waited {where} as long as it may",
    "shed": "it waited {where} and had to make room for a better one",
    "pressure": "the gateway is short of memory and takes none of class {name} for now",
    "share": "as many calls of this key wait {where} as may",
    "crowd": "as many calls wait {where} as may, and this key has the most of them",
}
_SHARE = ("share", "crowd")


def refusal(reason: str, rank: int, where: str, wait: float, uniform: Callable[[float, float], float]) -> Fail:
    """``where``: for what it waits, in words; ``wait``: seconds that it would, 0 where nobody knows."""
    why = _WHY[reason].format(where=where, wait=wait, name=NAMES[rank])
    after = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, wait)) * uniform(1.0, SPREAD)
    message = f"the call cannot be served now: {why}"
    if reason in _SHARE:
        return CallerError(message, status=429, code="queue_share", retryable=True, retry_after=after, phase="queue")
    code = "gateway_overloaded" if reason == "pressure" else f"queue_{reason}"
    return GatewayError(message, code=code, retry_after=after, phase="queue")

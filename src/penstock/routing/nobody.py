"""What a caller is told when none of a model's upstreams can serve: each one's state, and when to come back; and who
serves a call that names no model. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.call import Call
from penstock.core.errors import CallerError, Fail, UpstreamError
from penstock.routing.table import Entry
from penstock.routing.targets import Target

LEAST_WAIT_SECONDS = 1.0
MOST_NAMED = 20


def nobody(entry: Entry, call: Call, now: float) -> Fail:
    """404 when none offers the operation; else 503, to be tried again when the first may be back, or be found."""
    if not entry.targets:
        return _none_found(entry)
    having = entry.candidates.having(call)
    if not having:
        return not_offered(call, f"no upstream of model '{call.model}'")
    states = [f"{target.name}: {target.word(now)}" for target in having[:MOST_NAMED]]
    if len(having) > MOST_NAMED:
        states.append(f"and {len(having) - MOST_NAMED} more")
    return UpstreamError(
        f"no upstream of model '{entry.pattern}' can serve now ({', '.join(states)})",
        status=503,
        code="no_upstream",
        retry_after=max(LEAST_WAIT_SECONDS, min([target.back(now) for target in having]) - now),
        phase="choose",
    )


def _none_found(entry: Entry) -> UpstreamError:
    return UpstreamError(
        f"no instance of an upstream of model '{entry.pattern}' has been found yet",
        status=503, code="no_instance", retry_after=LEAST_WAIT_SECONDS, phase="choose",
    )  # fmt: skip


def somebody(targets: Sequence[Target], call: Call, now: float) -> Target:
    """For operations that name no model (files, batches): the first upstream that has them, is well, and takes new
    calls. Raises CallerError 404 when none has them."""
    having = [target for target in targets if target.provider.serves(call)]
    if not having:
        raise not_offered(call, "no upstream")
    for target in having:
        target.settle(now)
    return min(having, key=lambda target: (not target.usable(now), target.draining))


def not_offered(call: Call, who: str) -> CallerError:
    """``who`` has not got the call's operation."""
    return CallerError(f"{who} offers {call.operation.path}", status=404, code="operation_not_offered", param="model")

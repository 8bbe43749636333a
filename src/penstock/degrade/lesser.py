"""A call that asks for less than its caller did: fewer tokens, of another model. Pure.

Enters: a peeked call, what it has to do without. Leaves: another call, with those values alone changed in its bytes,
and what was changed, in words; or None where it asks for no more already. May fail: not at all.
"""

from __future__ import annotations

import msgspec

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.degrade.ladder import Relief
from penstock.wire.json_scan import splice, values_of

LIMITS = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "completions": ("max_tokens",),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
"""What operations that write text call their limit on tokens; the first where a call has none. No other operation is
given less: the vectors of two models, say, do not mix."""


def lesser(call: Call, relief: Relief, model: str) -> tuple[Call, list[str]] | None:
    """See the module. ``model``: the one that takes over, "" for none."""
    names = LIMITS.get(call.operation.name)
    if names is None:
        return None
    changes: dict[str, bytes] = {}
    told: list[str] = []
    try:
        if relief.max_tokens and (call.max_tokens is None or call.max_tokens > relief.max_tokens):
            there = values_of(call.body, names)
            for name in [name for name in names if there.get(name, b"null") != b"null"] or [
                next(iter(there), names[0])
            ]:
                changes[name] = b"%d" % relief.max_tokens
            told.append(f"max_tokens={relief.max_tokens}")
        if model and model != call.model:
            changes["model"] = msgspec.json.encode(model)
            told.append(f"model={model}")
        if not changes:
            return None
        body = splice(call.body, changes)
    except (CallerError, ValueError, RecursionError):
        return None  # read by others so far, and it goes on as it is
    changed = Call(
        call.operation, call.method, call.path, call.query, call.headers, call.client, call.memo
    )  # fmt: skip
    changed.body = body
    changed.model = model or call.model
    changed.stream = call.stream
    changed.max_tokens = call.max_tokens
    if told[0].startswith("max_tokens"):
        changed.max_tokens = relief.max_tokens
    changed.usage_wanted = call.usage_wanted
    changed.session = call.session
    changed.temperature = call.temperature
    return changed, told

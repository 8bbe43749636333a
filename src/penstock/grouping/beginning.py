"""How prompts begin: what tells equal beginnings, and how much two of them share. Pure.

Enters: peeked calls. Leaves: a key, equal for those of one scope and model whose prompts share their first bytes; a
number of bytes. Of a shorter prompt, or of an operation without one, there is none.
"""

from __future__ import annotations

from penstock.core.call import Call

PROMPT_OF = {
    "chat": b'"messages"',
    "messages": b'"messages"',
    "completions": b'"prompt"',
    "responses": b'"input"',
}
"""Where in a body the part begins whose beginning servers remember."""


def prompt_at(call: Call) -> int:
    """Where in the body the prompt begins; -1 for none."""
    mark = PROMPT_OF.get(call.operation.name)
    return call.body.find(mark) if mark is not None else -1


def key(call: Call, scope: str, start: int, least: int) -> int | None:
    """See the module. It holds within this process only."""
    if start < 0 or len(call.body) - start < least:
        return None
    return hash((scope, call.model, call.operation.name, call.body[start : start + least]))


def common(one: bytes, at_one: int, other: bytes, at_other: int) -> int:
    """Bytes that ``one`` from ``at_one`` and ``other`` from ``at_other`` have in common at their beginning."""
    longest = min(len(one) - at_one, len(other) - at_other)
    if longest <= 0:
        return 0
    a, b = memoryview(one)[at_one : at_one + longest], memoryview(other)[at_other : at_other + longest]
    if a == b:
        return longest
    low, high = 0, longest  # equal up to low, not up to high
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low

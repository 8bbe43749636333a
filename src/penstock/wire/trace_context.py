"""W3C Trace Context: who sent a call, from its ``traceparent`` and ``tracestate``. Pure.

Enters: a head. Leaves: a Parent, or None where there is none, it is not valid, or there are several (then the trace
begins here, as the recommendation says). A ``tracestate`` that is not valid is dropped alone. Never fails.
"""

from __future__ import annotations

import re

from penstock.core.call import Headers
from penstock.core.trace import Parent

TRACE_FIELDS = frozenset((b"traceparent", b"tracestate"))
KNOWN_FLAGS = 0x03
"""Sampled, and (level 2) that the id was made at random."""
MOST_MEMBERS = 32
MOST_STATE_BYTES = 8192

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KEY = rb"[a-z0-9][a-z0-9_\-*/]{0,255}(?:@[a-z0-9][a-z0-9_\-*/]{0,13})?"
_VALUE = rb"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rb"(" + _KEY + rb")=" + _VALUE)
_NOWHERE, _NOTHING = b"0" * 32, b"0" * 16


def parent_of(headers: Headers) -> Parent | None:
    """See the module. Names are lower-case."""
    found: bytes | None = None
    state: list[bytes] = []
    for name, value in headers:
        if name == b"traceparent":
            if found is not None:
                return None
            found = value
        elif name == b"tracestate":
            state.append(value)
    match = None if found is None else _PARENT.fullmatch(found.strip(b" \t"))
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    if version == b"ff" or (version == b"00" and more is not None) or trace == _NOWHERE or span == _NOTHING:
        return None
    return Parent(trace.decode(), span.decode(), int(flags, 16) & KNOWN_FLAGS, _state(state))


def _state(values: list[bytes]) -> bytes:
    """The members of all lines in one; nothing when one of them is not valid."""
    if not values:
        return b""
    members = [member for value in values for part in value.split(b",") if (member := part.strip(b" \t"))]
    keys = set()
    for member in members:
        match = _MEMBER.fullmatch(member)
        if match is None or match[1] in keys:
            return b""
        keys.add(match[1])
    joined = b",".join(members)
    return joined if len(members) <= MOST_MEMBERS and len(joined) <= MOST_STATE_BYTES else b""

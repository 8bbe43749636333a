"""How deep a JSON body nests, found as cheaply as the body allows.

Enters: valid JSON. Leaves: whether it nests deeper than a bound. May fail: msgspec.DecodeError for what is not JSON.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_COUNTED_BYTES = 4096
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])


def brackets(body: bytes) -> int:
    """How many opening brackets there are, those inside strings included."""
    # Three times faster than bytes.count, which looks at each byte.
    return len(body) - len(body.replace(b"{", b"").replace(b"[", b""))


def deeper_than(body: bytes, bound: int) -> bool:
    """Whether arrays and objects of ``body`` nest more than ``bound`` levels deep."""
    return brackets(body) > bound and parts_deeper_than([msgspec.json.decode(body, type=msgspec.Raw)], bound)


def parts_deeper_than(values: Iterable[msgspec.Raw], bound: int) -> bool:
    """Whether any of ``values`` nests more than ``bound`` levels deep.

    A value cannot be deeper than half its length, nor than the number of its opening brackets. Where neither settles
    it, the value is opened one level and its parts are judged; soon they are small.
    """
    while True:
        parts: list[msgspec.Raw] = []
        for value in values:
            if len(value) <= 2 * bound + 1:
                continue
            raw = bytes(value)
            if raw[0] == 123:
                if len(raw) > _COUNTED_BYTES or brackets(raw) > bound:
                    if bound < 1:
                        return True
                    parts += _object.decode(raw).values()
            elif raw[0] == 91 and (len(raw) > _COUNTED_BYTES or brackets(raw) > bound):
                if bound < 1:
                    return True
                parts += _array.decode(raw)
        if not parts:
            return False
        values = parts
        bound -= 1

"""Calls whose input is a list, taken apart and put together: several calls become one whose list is theirs in a row.

Enters: a call whose body ``peek`` accepted, or the parts of several. Leaves: a Part, or None for a call that has to go
alone (what its list holds, or how it is written, cannot be joined with another's); one body. Items and parameters are
passed on byte for byte. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from penstock.core.call import Call

LIST_OF = {"embeddings": "input", "moderations": "input", "completions": "prompt", "rerank": "documents"}
"""What each operation calls its list."""

BYTES_PER_TOKEN = 4
MOST_COPIES = 128

_ALONE = frozenset({"messages", "prompt_embeds", "suffix", "texts", "top_k"})
"""Members with which a call is no list, or one that servers take differently."""

_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()
_number = msgspec.json.Decoder(int | None)
_canonical = msgspec.json.Encoder(order="deterministic")


class Part(msgspec.Struct, gc=False):
    """What one call brings. ``kind``: equal for items that may stand in one list, ``shape`` for calls whose other
    members say the same; ``tokens``: of the items, estimated; ``copies``: answers to each item; ``most``: answers that
    the caller wants at most, 0 for all."""

    operation: str
    items: list[msgspec.Raw]
    members: dict[str, msgspec.Raw]
    kind: bytes
    shape: bytes
    tokens: int
    size: int
    copies: int = 1
    most: int = 0


def part_of(call: Call) -> Part | None:
    """See the module."""
    operation = call.operation.name
    field = LIST_OF.get(operation)
    if field is None or call.stream:
        return None
    try:
        members = _members(call.body)
        if members is None or field not in members or not _ALONE.isdisjoint(members):
            return None
        given = members.pop(field)
        copies, most = 1, 0
        if operation == "completions":
            copies = _whole(members.get("n"), 1)
        elif operation == "rerank":
            most = _whole(members.pop("top_n", None), 0)
        found = _items(operation, given)
        if found is None or not 0 < copies <= MOST_COPIES or most < 0:
            return None
        kind, items = found
        shape = b"\0".join([b"%b=%b" % (name.encode(), _plain(members[name])) for name in sorted(members)])
    except (ValueError, OverflowError, RecursionError):
        return None
    size = sum(map(len, items)) + len(items)
    return Part(operation, items, members, kind, shape, _tokens(kind, items), size, copies, most)


def merged_body(parts: Sequence[Part]) -> bytes:
    """The body of one call for all ``parts``, which are of one operation, kind and shape."""
    first = parts[0]
    members = [b"%b:%b" % (msgspec.json.encode(name), raw) for name, raw in first.members.items()]
    items = [bytes(item) for part in parts for item in part.items]
    members.append(b'"%b":[%b]' % (LIST_OF[first.operation].encode(), b",".join(items)))
    if any(part.most for part in parts):  # what one does not want another may
        members.append(b'"top_n":%d' % len(items))
    return b"{%b}" % b",".join(members)


def weights(part: Part) -> int:
    """What share of a merged call's usage is this part's, in tokens as estimated. Never 0."""
    return max(1, part.tokens)


def _members(body: bytes) -> dict[str, msgspec.Raw] | None:
    """The members, or None where one may be given twice: another reader could take the other one."""
    members = _top.decode(body)
    if len(body) != _length(members):
        compact = msgspec.json.format(body, indent=-1)
        if len(compact) != _length(_top.decode(compact)):
            return None
    return members


def _length(members: dict[str, msgspec.Raw]) -> int:
    return 1 + max(1, sum([len(name.encode()) + 4 + len(value) for name, value in members.items()]))


def _items(operation: str, given: msgspec.Raw) -> tuple[bytes, list[msgspec.Raw]] | None:
    """The kind of a call's items, and they; None where they are of several kinds, or nothing."""
    start = bytes(given)[:1]
    if start == b'"':
        return (b'"', [given]) if len(given) > 2 else None
    if start != b"[":
        return None
    items = _list.decode(given)
    kinds = {bytes(item)[:1] for item in items}
    if len(kinds) != 1:
        return (b"[", [given]) if kinds and kinds <= _DIGITS and operation != "rerank" else None
    kind = kinds.pop()
    if kind in _DIGITS:  # the tokens of one item
        return (b"[", [given]) if operation != "rerank" else None
    if kind == b"{":  # parts of one moderated message; of other lists each is an item
        return (kind, items) if operation in ("embeddings", "rerank") else None
    return (kind, items) if kind in (b'"', b"[") and min(map(len, items)) > 2 else None


_DIGITS = frozenset(b"%d" % digit for digit in range(10))


def _tokens(kind: bytes, items: list[msgspec.Raw]) -> int:
    if kind == b"[":
        return sum([bytes(item).count(b",") + 1 for item in items])
    return sum([-(-len(item) // BYTES_PER_TOKEN) for item in items])


def _whole(raw: msgspec.Raw | None, default: int) -> int:
    """A number that is given, not given, or null."""
    found = None if raw is None else _number.decode(raw)
    return default if found is None else found


def _plain(raw: msgspec.Raw) -> bytes:
    """A value so that equal ones are equal bytes."""
    text = bytes(raw)
    return _canonical.encode(_any.decode(text)) if text[:1] in (b"{", b"[", b'"') else text

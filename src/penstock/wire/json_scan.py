"""Where the top-level members of a JSON object lie in its bytes, and how to change some of them in place.

Enters: an object that is valid JSON in UTF-8 (``peek`` has accepted it). Leaves: positions, or a body in which only
the named values differ. May fail: ValueError (msgspec's DecodeError is one) or RecursionError for anything else, and
CallerError for an object with absurdly many members.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

from penstock.core.errors import CallerError

_BLANKS = b" \t\n\r"
_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_KEY = re.compile(_SPACE + b"(" + _STRING + b")" + _SPACE + b":" + _SPACE, re.DOTALL)
_NEXT = re.compile(_SPACE + rb"([,}])")
_OPEN = re.compile(_SPACE + rb"\{")
_CLOSE = re.compile(_SPACE + rb"\}")
_COLON = re.compile(_SPACE + b":" + _SPACE)
_PLAIN = re.compile(r"[a-z_]+")  # no escape but ESCAPED_LETTER spells such a name
_STOPPED = re.compile(r"trailing characters \(byte (\d+)\)")

ESCAPED_LETTER = re.compile(rb"\\u00[567]")
"""An escape that stands for a letter or an underscore: a key may be spelled with it."""

MOST_MEMBERS = 10_000
"""No API has so many fields; a walk over more of them would keep everybody else waiting."""

HUGE_BYTES = 1 << 20
"""Beyond it nothing is made for each part of a body: a hostile one has millions of them."""

STEERING = frozenset({"model", "stream", "max_tokens", "max_completion_tokens", "max_output_tokens"})
"""Keys that ``peek`` lets stand only once: policy reads them here, the upstream reads them again."""

_SMALL_BYTES = 4096
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(msgspec.Raw)


class Member(NamedTuple):
    """One top-level member: its decoded key, where the quoted key starts, and the bounds of its value."""

    key: str
    key_start: int
    value_start: int
    value_end: int


def members(body: bytes) -> list[Member]:
    """All top-level members in order, repeated keys included."""
    return list(walk(body))


def walk(body: bytes) -> Iterator[Member]:
    """The members one by one: for looks that may stop early, and to hold no list for a hostile body."""
    view = memoryview(body)
    brace = _OPEN.match(body)
    if brace is None:
        raise ValueError("no object")
    at = brace.end()
    if _CLOSE.match(body, at):
        return
    for _ in range(MOST_MEMBERS):
        key = _KEY.match(body, at)
        if key is None:
            raise ValueError(f"no member at byte {at}")
        quoted = key[1]
        name: str = msgspec.json.decode(quoted) if b"\\" in quoted else quoted[1:-1].decode()
        start = key.end()
        end = start + _length(view[start:])
        yield Member(name, key.start(1), start, end)
        after = _NEXT.match(body, end)
        if after is None:
            raise ValueError(f"nothing after byte {end}")
        at = after.end()
        if after[1] == b"}":
            return
    raise CallerError(f"the body has more than {MOST_MEMBERS} fields", code="too_many_fields")


def _length(rest: memoryview) -> int:
    """The length of the JSON value that ``rest`` starts with."""
    # The decoder skips a value at the speed of C and tells where it stopped, but only in the words of its complaint
    # about what follows. An object's value is always followed by something.
    try:
        _value.decode(rest)
    except msgspec.DecodeError as error:
        stopped = _STOPPED.search(str(error))
        if stopped is None:
            raise
        end = int(stopped[1]) - 1
    else:
        raise ValueError("the object does not end")
    if rest[end - 1] in _BLANKS:
        end = len(bytes(rest[:end]).rstrip(_BLANKS))  # there may be megabytes of them
    return end


def value_of(body: bytes, name: str) -> bytes | None:
    """The raw value of a top-level field, the last one where it is repeated; None where it is missing."""
    return values_of(body, (name,)).get(name)


def values_of(body: bytes, names: Collection[str]) -> dict[str, bytes]:
    """The raw values of those top-level fields that are there, each the last one where it is repeated."""
    if len(body) <= HUGE_BYTES:
        raw = _top.decode(body)
        return {name: bytes(raw[name]) for name in names if name in raw}
    return {member.key: body[member.value_start : member.value_end] for member in walk(body) if member.key in names}


def splice(body: bytes, changes: dict[str, bytes]) -> bytes:
    """``body`` with the raw JSON values of some top-level fields replaced.

    A field that is missing is put right after the opening brace; a repeated one (which a steering key cannot be) is
    replaced each time. Every other byte stays.
    """
    edits = _places(body, changes) if len(body) <= _SMALL_BYTES else None
    if edits is None:
        edits = []
        alone = changes.keys() <= STEERING
        for key, _, start, end in walk(body):
            if key in changes:
                edits.append((start, end, key))
                if alone and len(edits) == len(changes):
                    break
    if len(edits) == len(changes) == 1:
        start, end, name = edits[0]
        return b"%b%b%b" % (body[:start], changes[name], body[end:])
    missing = dict(changes)
    parts: list[bytes] = []
    at = 0
    for start, end, name in sorted(edits):
        parts += (body[at:start], changes[name])
        missing.pop(name, None)
        at = end
    parts.append(body[at:])
    changed = b"".join(parts)
    return put_first(changed, missing) if missing else changed


def _places(body: bytes, changes: dict[str, bytes]) -> list[tuple[int, int, str]] | None:
    """Where the values of a small body lie, found without a walk; None where only a walk can tell.

    A quoted name is the key if the object has this key and the name stands nowhere else.
    """
    values = _top.decode(body)
    places: list[tuple[int, int, str]] = []
    for name in changes:
        value = values.get(name)
        if value is not None:
            quoted = b'"%b"' % name.encode()
            colon = _COLON.match(body, body.find(quoted) + len(quoted)) if body.count(quoted) == 1 else None
            if colon is None or _PLAIN.fullmatch(name) is None or ESCAPED_LETTER.search(body) is not None:
                return None
            places.append((colon.end(), colon.end() + len(value), name))
    return places


def put_first(body: bytes, fields: dict[str, bytes]) -> bytes:
    """``body`` with fields that it does not have, right after the opening brace."""
    at = body.index(b"{") + 1
    added = b",".join([msgspec.json.encode(name) + b":" + value for name, value in fields.items()])
    comma = b"" if _CLOSE.match(body, at) else b","
    return b"%b%b%b%b" % (body[:at], added, comma, body[at:])

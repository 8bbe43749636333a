"""The answer to a merged call, dealt back: to each part its own results, numbered from 0, and its share of the usage.

Enters: the body of the answer, the parts that the call was made of, in their order. Leaves: one body a part, in which a
result's bytes are the upstream's but for its number. May fail: UpstreamError for an answer that does not hold exactly
what was asked, or holds something of which it cannot be said whose it is: then nothing of it may be told to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from penstock.core.errors import UpstreamError
from penstock.wire.counts import Usage
from penstock.wire.merged_call import Part, weights
from penstock.wire.merged_usage import divided
from penstock.wire.usage import usage_of

RESULTS_OF = {"embeddings": "data", "moderations": "results", "completions": "choices", "rerank": "results"}
MISMATCHED = "upstream_mismatched"

_USED = {"usage": None, "meta": ("billed_units", "tokens")}
"""Members that tell what was used: wholly, or in these members of theirs."""
_UNTOLD = frozenset({"timings"})
"""How long the whole took says nothing of a part."""
_NUMBER = "index"

_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()
_index = msgspec.json.Decoder(int)
_encode = msgspec.json.encode


class _Text(msgspec.Struct, gc=False):
    """What a choice says."""

    text: str = ""


_text = msgspec.json.Decoder(_Text)


class Dealt(NamedTuple):
    """One part's answer, and what it used (None: nothing was told)."""

    body: bytes
    usage: Usage | None


def deal(body: bytes, parts: Sequence[Part]) -> list[Dealt]:
    """See the module."""
    operation = parts[0].operation
    try:
        members = _top.decode(body)
        name = RESULTS_OF[operation]
        if name not in members:
            raise mismatched(f"no '{name}'")
        results = _list.decode(members[name])
        if operation == "rerank":
            shares = _ranked(results, parts)
        elif operation == "moderations":
            shares = _in_order(results, parts)
        else:
            shares = _numbered(results, parts)
        return _told(members, name, shares, parts)
    except (ValueError, OverflowError, RecursionError):
        raise mismatched("something else than results") from None


def check(body: bytes, part: Part) -> None:
    """Raises UpstreamError where the answer to ``part`` alone does not hold exactly what was asked."""
    deal(body, [part])


def mismatched(what: str) -> UpstreamError:
    """The error for an answer that holds ``what`` instead."""
    return UpstreamError(f"the upstream answered a list with {what}", code=MISMATCHED, retryable=False, phase="body")


def _in_order(results: list[msgspec.Raw], parts: Sequence[Part]) -> list[list[bytes]]:
    """Results that have no number: the first is the first's."""
    expected = sum(len(part.items) for part in parts)
    if len(results) != expected:
        raise mismatched(f"{len(results)} results for {expected} items")
    shares: list[list[bytes]] = []
    at = 0
    for part in parts:
        shares.append([bytes(result) for result in results[at : at + len(part.items)]])
        at += len(part.items)
    return shares


def _numbered(results: list[msgspec.Raw], parts: Sequence[Part]) -> list[list[bytes]]:
    """Results that tell which item they are for."""
    expected = sum(len(part.items) * part.copies for part in parts)
    if len(results) != expected:
        raise mismatched(f"{len(results)} results for {expected} items")
    placed: list[dict[str, msgspec.Raw] | None] = [None] * expected
    for result in results:
        own = _top.decode(result)
        number = _number_of(own, expected)
        if placed[number] is not None:
            raise mismatched("two results for one item")
        placed[number] = own
    shares: list[list[bytes]] = []
    start = 0
    for part in parts:
        count = len(part.items) * part.copies
        shares.append([_renumbered(placed[start + at], at) for at in range(count)])
        start += count
    return shares


def _ranked(results: list[msgspec.Raw], parts: Sequence[Part]) -> list[list[bytes]]:
    """Results in the order of their rank, in which each part's stay, cut where the caller wants no more."""
    owners = [(owner, at) for owner, part in enumerate(parts) for at in range(len(part.items))]
    shares: list[list[bytes]] = [[] for _ in parts]
    # One alone may be cut by the upstream; of several the upstream was asked for all.
    whole = len(parts) > 1 or not parts[0].most
    if len(results) != (len(owners) if whole else min(parts[0].most, len(owners))):
        raise mismatched(f"{len(results)} results for {len(owners)} documents")
    seen = set()
    for result in results:
        own = _top.decode(result)
        number = _number_of(own, len(owners))
        if number in seen:
            raise mismatched("two results for one document")
        seen.add(number)
        owner, at = owners[number]
        if not parts[owner].most or len(shares[owner]) < parts[owner].most:
            shares[owner].append(_renumbered(own, at))
    return shares


def _number_of(result: dict[str, msgspec.Raw], below: int) -> int:
    raw = result.get(_NUMBER)
    number = -1 if raw is None else _index.decode(raw)
    if not 0 <= number < below:
        raise mismatched("a result for no item")
    return number


def _renumbered(result: dict[str, msgspec.Raw] | None, number: int) -> bytes:
    assert result is not None
    members = [
        b'"index":%d' % number if name == _NUMBER else b"%b:%b" % (_encode(name), raw) for name, raw in result.items()
    ]
    return b"{%b}" % b",".join(members)


def _told(members: dict[str, msgspec.Raw], name: str, shares: list[list[bytes]], parts: Sequence[Part]) -> list[Dealt]:
    """The answers. All members stay where they stood."""
    shared: list[list[bytes]] = [[] for _ in parts]
    usages: list[Usage | None] = [None] * len(parts)
    own_weights = [weights(part) for part in parts]
    said = [_said(share) for share in shares] if parts[0].operation == "completions" else None
    for key, raw in members.items():
        start = b"%b:" % _encode(key)
        if key == name:
            for told, share in zip(shared, shares, strict=True):
                told.append(b"%b[%b]" % (start, b",".join(share)))
        elif key in _USED:
            for at, used in enumerate(_used(key, raw, own_weights, said)):
                text = _encode(used)
                shared[at].append(start + text)
                if key == "usage":
                    usages[at] = usage_of(b'{"usage":%b}' % text)
        elif key == "id" and len(parts) > 1 and bytes(raw)[:1] == b'"':
            for at, told in enumerate(shared):
                told.append(b'%b%b-%d"' % (start, bytes(raw)[:-1], at))
        elif bytes(raw)[:1] in (b"{", b"[") and len(parts) > 1:
            if key not in _UNTOLD:  # it may be one caller's, and it cannot be said whose
                raise mismatched(f"'{key[:64]}', of which it does not say whose it is,")
        else:
            for told in shared:
                told.append(start + bytes(raw))
    return [Dealt(b"{%b}" % b",".join(told), usage) for told, usage in zip(shared, usages, strict=True)]


def _said(share: list[bytes]) -> int:
    """How much a part was answered, so as to divide tokens by it. Never 0."""
    return sum([max(1, len(_text.decode(result).text)) for result in share])


def _used(key: str, raw: msgspec.Raw, own_weights: list[int], said: list[int] | None) -> list[Any]:
    told = _any.decode(raw)
    inside = _USED[key]
    if inside is None or not isinstance(told, dict):
        return divided(told, own_weights, said)
    found = [dict(told) for _ in own_weights]
    for name in inside:
        for part, own in zip(found, divided(told.get(name), own_weights), strict=True):
            if name in told:
                part[name] = own
    return found

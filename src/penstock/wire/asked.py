"""What a call asks, in a form that tells equal calls from others: for caches and for calls that may share a flight.

Enters: a call whose body ``peek`` accepted, a secret of the deployment, whose answers may be shared (scope), and what
else shapes the answer (bound). Leaves: Asked, whose digest is equal for calls that differ only in what does not shape
the answer: order of members, blanks and escapes do not. May fail: not at all; what two readers could take differently
(a key given twice), what cannot be told apart and what is huge is None.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.call import Call
from penstock.wire.members import Members
from penstock.wire.peeked import Tool

UNSHAPING: Final = frozenset({"stream", "stream_options", "user", "metadata", "prompt_cache_key", "safety_identifier"})
"""Fields that say how an answer is delivered or to whom, and not what it says."""

_OTHER_UNSHAPING: Final = UNSHAPING - {"stream"}
_UNSTREAMED_BYTES: Final = len('"stream":false,')

DETERMINISTIC: Final = frozenset({"embeddings", "rerank", "count_tokens", "response_tokens"})
"""Operations whose answers have no temperature."""

DIGEST_BYTES: Final = 16

LARGE_BYTES: Final = 16 * 1024
"""Of a larger body the members are hashed as they were written: in which order those inside them stand, and how their
texts are escaped, counts then too. Who sends so much twice sends it by the same program."""

MOST_BYTES: Final = 1024 * 1024
"""A larger body is no question: to hash it would keep everybody else waiting."""

_STATEFUL: Final = frozenset(
    {
        "audio", "background", "container", "conversation", "mcp_servers", "plugins", "previous_response_id",
        "web_search_options",
    }
)  # fmt: skip
"""Fields with which a call does more than answer, or its answer depends on what is kept elsewhere."""
_TELLING = _STATEFUL | {"store", "tools", "functions"}
"""Fields of which one at least is there where there are effects or tools."""
_OWN_TOOLS: Final = frozenset({"function", "custom"})
"""Types of tools that the caller runs itself."""
_CALLER_RUNS: Final[tuple[str, ...]] = ("bash_", "text_editor_", "computer_", "memory_")
"""And beginnings of those that have a date in their type."""
_TOOLS: Final = object()
"""Under what a head's memo keeps what the tools of its last large call are."""


def _plain(text: str) -> float:
    """A number that is written back as it was. Raises ValueError."""
    value = float(text)
    if repr(value) != text or "e" in text:
        raise ValueError(text)
    return value


_decode_plain: Final = msgspec.json.Decoder(dict[str, Any], float_hook=_plain).decode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_top: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_sha256: Final = hashlib.sha256


_tools: Final = msgspec.json.Decoder(list[Tool]).decode


class Asked(msgspec.Struct, gc=False):
    """One question. ``fields`` are its members without those that are ``UNSHAPING``. ``deterministic``: asked
    at temperature 0, or an operation that has none. ``effects``: the call may do something beside answering, or its
    answer depends on more than the call (``store``, ``background``, server-side tools, a stored conversation).
    ``tools``: some are named, though perhaps none."""

    digest: bytes
    fields: Mapping[str, Any]
    deterministic: bool
    effects: bool
    tools: bool

    @property
    def images(self) -> bool:
        """Whether the prompt holds images, sound or files."""
        return any(_has_media(self.fields.get(name)) for name in ("messages", "input", "system"))

    @property
    def temperature(self) -> float | None:
        """As asked for; None where the call leaves it to the model."""
        value = self.fields.get("temperature")
        return value if type(value) in (int, float) else None


def asked(call: Call, secret: bytes, scope: str, bound: bytes = b"") -> Asked | None:
    """See the module."""
    return asked_under(call, prefix(secret, call.operation.name, scope, bound))


def prefix(secret: bytes, operation: str, scope: str, bound: bytes) -> bytes:
    """All of a question but its body, as ``asked_under`` takes it: equal for the calls of one head, so made once."""
    return f"{len(secret)} {len(scope)} {len(bound)} {operation} {scope} ".encode() + secret + bound


def asked_under(call: Call, prefix: bytes) -> Asked | None:
    """The question of ``call`` under a ``prefix``."""
    # One piece as far as it goes: nearly every call that may be cached is a miss, and pays for it.
    body, operation = call.body, call.operation
    if operation.body != "json" or len(body) > MOST_BYTES:
        return None
    if len(body) > LARGE_BYTES:
        return _large_under(call, prefix)
    try:
        fields = _decode_plain(body)
        if UNSHAPING.isdisjoint(fields):
            dropped = 0
        elif fields.get("stream") is False and _OTHER_UNSHAPING.isdisjoint(fields):  # as nearly always, if any
            del fields["stream"]
            dropped = _UNSTREAMED_BYTES
        else:
            dropped = _drop_unshaping(fields)
        canonical = _encode(fields)
        # Nothing is longer in its canonical form, but for odd numbers. So one that is as long as what came left
        # nothing out, no second value of a key either.
        if len(canonical) + dropped != len(body):
            _refuse_repeated(body, fields, len(canonical), dropped)
    except (ValueError, OverflowError, RecursionError):
        odd = _odd(body)
        if odd is None:
            return None
        fields, canonical = odd
    temperature = fields.get("temperature")
    plain = _TELLING.isdisjoint(fields)
    return Asked(
        # SHA-256 has instructions of its own on today's processors: a third of the time that BLAKE2 takes. Cut to half
        # its length it cannot be continued by who does not know the secret.
        _sha256(prefix + canonical).digest()[:DIGEST_BYTES],
        fields,
        (temperature == 0 and type(temperature) is not bool) or operation.name in DETERMINISTIC,
        operation.name == "responses" if plain else _has_effects(operation.name, fields),
        not plain and ("tools" in fields or "functions" in fields),
    )


def _drop_unshaping(fields: dict[str, Any]) -> int:
    """Take out what does not shape the answer. Gives the bytes that it took in compact JSON."""
    return sum([len(name) + 4 + len(_encode(fields.pop(name))) for name in UNSHAPING if name in fields])


def _refuse_repeated(body: bytes, fields: dict[str, Any], length: int, dropped: int) -> None:
    """Raises ValueError for a key given twice. ``length`` is that of the canonical JSON of ``fields``."""
    whole = length + dropped if fields else 1 + max(dropped, 1)
    if whole != len(body) and len(msgspec.json.format(body, indent=-1)) != whole:
        json.loads(body, object_pairs_hook=_distinct)


def _odd(body: bytes) -> tuple[dict[str, Any], bytes] | None:
    """The same for a body with numbers that are not written back as they were: among them a repeated key could be
    hidden, so each is looked at. None for what cannot be read or has one."""
    try:
        json.loads(body, object_pairs_hook=_distinct)
        fields = _decode(body)
        _drop_unshaping(fields)
        return fields, _encode(fields)
    except (ValueError, OverflowError, RecursionError):
        return None


def _large_under(call: Call, prefix: bytes) -> Asked | None:
    """The same, of what is too large to be decoded; None for a member given twice. One inside a member needs no look:
    all of it is hashed, both values too. Nothing is copied: each part is hashed where it lies."""
    body, known = call.body, call.members
    try:
        raw = known[1] if known is not None and known[0] is body else _members(body)
    except (ValueError, RecursionError):
        return None
    hasher = _sha256(prefix + b"large")
    take = hasher.update
    tools = b""
    kept = {}
    for name in sorted(raw):
        if name not in UNSHAPING:
            value = kept[name] = raw[name]
            if name == "tools":  # by their own hash, by which what they say is remembered
                value = tools = _sha256(value).digest()
            take(b"\n%b\n" % _encode(name))
            take(value)
    fields, operation = Members(kept), call.operation.name
    temperature = fields.get("temperature")
    plain = _TELLING.isdisjoint(kept)
    return Asked(
        hasher.digest()[:DIGEST_BYTES],
        fields,
        (temperature == 0 and type(temperature) is not bool) or operation in DETERMINISTIC,
        operation == "responses" if plain else _does_more(call, fields, tools),
        not plain and ("tools" in kept or "functions" in kept),
    )


def _members(body: bytes) -> dict[str, msgspec.Raw]:
    """The top-level members of a body with blanks or escapes between them. Raises ValueError where one stands twice."""
    raw = _top(body)
    if len(body) != _length(raw):
        body = msgspec.json.format(body, indent=-1)
        raw = _top(body)
        if len(body) != _length(raw):
            raise ValueError("a member is given twice, or its name is written with escapes")
    return raw


def _does_more(call: Call, fields: Members, tools: bytes) -> bool:
    """``_has_effects`` of a large call. An agent sends the same tools with every call: what they are is remembered with
    its head, by their hash, so that they are read once."""
    if not tools:
        return _has_effects(call.operation.name, fields)
    known: tuple[bytes, bool] | None = call.memo.get(_TOOLS)
    if known is None or known[0] != tools:
        known = call.memo[_TOOLS] = (tools, _are_effective(fields))
    return known[1] or _has_state(call.operation.name, fields)


def _length(raw: dict[str, msgspec.Raw]) -> int:
    """Of the object with these members, compact and without escapes in names."""
    return 1 + max(1, sum([len(name.encode()) + 4 + len(value) for name, value in raw.items()]))


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) != len({name for name, _ in pairs}):
        raise ValueError("a key is given twice")


def _has_effects(operation: str, fields: Mapping[str, Any]) -> bool:
    return _has_state(operation, fields) or _are_effective(fields)


def _has_state(operation: str, fields: Mapping[str, Any]) -> bool:
    # The Responses API keeps what it answers unless told not to: the next call may build on it.
    if fields.get("store", operation == "responses"):
        return True
    return not _STATEFUL.isdisjoint(fields) and any(fields.get(name) not in (None, False) for name in _STATEFUL)


def _are_effective(fields: Mapping[str, Any]) -> bool:
    """Whether there are tools that somebody else than the caller runs."""
    try:
        tools = fields.shape("tools", _tools) if isinstance(fields, Members) else fields.get("tools")
    except ValueError:
        return True  # of a shape that nobody knows
    return tools is not None and not (isinstance(tools, list) and all(map(_is_run_by_caller, tools)))


def _is_run_by_caller(tool: Any) -> bool:
    if isinstance(tool, Tool):
        kind: Any = tool.type
    else:
        kind = tool.get("type", "function") if isinstance(tool, dict) else None
    return isinstance(kind, str) and (kind in _OWN_TOOLS or kind.startswith(_CALLER_RUNS))


def _has_media(value: Any) -> bool:
    """Whether a message's content, or a list of messages, has parts that are neither text nor tools."""
    if isinstance(value, list):
        return any(map(_has_media, value))
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and any(word in kind for word in ("image", "audio", "file", "document", "video")):
        return True
    return _has_media(value.get("content")) or _has_media(value.get("output"))

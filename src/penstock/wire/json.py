"""A look into a request body: the few fields that policy needs; bodies that two readers take differently are refused.

Enters: the bytes of a JSON body. Leaves: a Peek. May fail: CallerError 400, and nothing else for any bytes.
Refused beside broken JSON: a steering key given twice (parsers disagree on which one counts), bytes that are not
UTF-8, nesting deeper than a bound. Everything unknown is left alone.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from penstock.core.call import Call, Operation
from penstock.core.errors import CallerError
from penstock.wire.json_depth import deeper_than, parts_deeper_than
from penstock.wire.json_scan import ESCAPED_LETTER, HUGE_BYTES, STEERING, walk
from penstock.wire.peeked import Peek

MOST_TOKENS: Final = 2**53 - 1
"""No token limit beyond what every JSON reader holds exactly."""

MOST_MODEL_CHARACTERS: Final = 1024
"""The name goes into heads, logs and each message of a socket."""

_SMALL_BYTES: Final = 4096
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")
_HALF_PAIR: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
_OFFSET: Final = re.compile(r"\(byte (\d+)\)")


class Remembered:
    """What was read of a body that came before: the same bytes say the same. ``hits`` is for who remembers it."""

    __slots__ = ("hits", "operation", "seen")

    def __init__(self, operation: Operation, seen: Peek) -> None:
        self.operation = operation
        self.seen = seen
        self.hits: dict[bytes, Any] = {}


_COUNTED_BYTES: Final = 16 * 1024
_FIELDS: Final = frozenset(Peek.__struct_fields__)
_peek: Final = msgspec.json.Decoder(Peek)
_top: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


MOST_HANDED_ON: Final = 64
"""Members of a large body that are kept with its call: a hostile one has a hundred thousand."""


def peek(body: bytes, *, needs_model: bool = True, max_depth: int = 128, call: Call | None = None) -> Peek:
    """The fields of ``body``. Raises CallerError. A ``call`` is given the ``members`` of a large one.

    ``max_depth`` holds up to 16 KiB; a larger body may nest as deep as the decoder follows (under 1,000 levels): to
    count its levels would cost more than all else that is read of it.
    """
    try:
        found = _peek_small(body, max_depth) if len(body) <= _SMALL_BYTES else _peek_large(body, max_depth, call)
        if not body.isascii():
            body.decode()
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from None
    except UnicodeDecodeError as error:
        raise CallerError(f"the body is not UTF-8 (byte {error.start})", code="invalid_json") from None
    except ValueError as error:
        raise _not_json(body, error) from None
    except RecursionError:
        raise _too_deep() from None
    if not found.model:
        if needs_model:
            raise CallerError("the field 'model' is missing or empty", code="missing_model", param="model")
    elif len(found.model) > MOST_MODEL_CHARACTERS:
        raise CallerError(
            f"the field 'model' is longer than {MOST_MODEL_CHARACTERS} characters", code="invalid_value", param="model"
        )
    if found.max_tokens is not None or found.max_completion_tokens is not None or found.max_output_tokens is not None:
        _check_limits(found)
    return found


def fill(call: Call, body: bytes) -> None:
    """Give ``call`` its body, and what was peeked of it. Raises CallerError."""
    tell(call, body, peek(body, needs_model=call.operation.needs_model, call=call))


def tell(call: Call, body: bytes, seen: Peek) -> None:
    """The same, of a body that was ``seen``."""
    call.body = body
    call.model = seen.model or ""
    call.stream = seen.stream is True
    limit = seen.max_completion_tokens
    if limit is None:
        limit = seen.max_tokens
        if limit is None:
            limit = seen.max_output_tokens
    call.max_tokens = limit
    options = seen.stream_options
    call.usage_wanted = options is not None and options.include_usage is True
    call.session = seen.prompt_cache_key or seen.user or ""
    call.temperature = seen.temperature


def _peek_small(body: bytes, max_depth: int) -> Peek:
    found = _peek.decode(body)
    # Plain calls: compiled, ``in`` makes and drops an exception first, and a method in a variable takes a tuple.
    if (
        body.count(b'"model"') > 1
        or body.count(b'"stream"') > 1
        or body.count(b'tokens"') > 1
        or (body.find(b"\\u") >= 0 and ESCAPED_LETTER.search(body) is not None)
    ):
        _refuse_repeated(body)
    # Nothing nests deeper than half its length.
    if len(body) > 2 * max_depth and deeper_than(body, max_depth):
        raise _too_deep()
    return found


def _peek_large(body: bytes, max_depth: int, call: Call | None) -> Peek:
    """One pass over the body that keeps all top-level members raw, then looks at those that matter only."""
    if len(body) > HUGE_BYTES:
        found = _peek.decode(body)
        _refuse_repeated(body)
        return found
    values = _top.decode(body)
    known = [b'"%b":%b' % (name.encode(), bytes(values[name])) for name in _FIELDS.intersection(values)]
    found = _peek.decode(b"{" + b",".join(known) + b"}")
    # A compact object without repeated keys is exactly as long as its distinct members.
    if len(body) != 1 + sum([len(key) + 4 + len(value) for key, value in values.items()]):
        _refuse_repeated(body)
    elif call is not None and len(values) <= MOST_HANDED_ON:
        call.members = (body, values)
    if len(body) <= _COUNTED_BYTES and (max_depth < 1 or parts_deeper_than(values.values(), max_depth - 1)):
        raise _too_deep()
    return found


def _refuse_repeated(body: bytes) -> None:
    seen: set[str] = set()
    for member in walk(body):
        key = member.key
        if key in STEERING:
            if key in seen:
                raise CallerError(
                    f"the field {key!r} stands twice in the body (byte {member.key_start})",
                    code="duplicate_key",
                    param=key,
                )
            seen.add(key)


def _check_limits(found: Peek) -> None:
    limits = {
        "max_tokens": found.max_tokens,
        "max_completion_tokens": found.max_completion_tokens,
        "max_output_tokens": found.max_output_tokens,
    }
    for name, limit in limits.items():
        if limit is not None and not 0 < limit <= MOST_TOKENS:
            raise CallerError(
                f"{name!r} must be between 1 and {MOST_TOKENS}, not {str(limit)[:24]}", code="invalid_value", param=name
            )


def _too_deep() -> CallerError:
    return CallerError("the body is nested too deeply", code="too_deep")


def _wrong_type(error: msgspec.ValidationError) -> CallerError:
    text = str(error)
    place = _PLACE.search(text)
    if place is None or not place[1]:
        return CallerError("the body must be a JSON object", code="invalid_json")
    told = text[: place.start()].replace(" | null", "")
    told = told[:1].lower() + told[1:]
    return CallerError(f"the field {place[1]!r} is of the wrong type: {told}", code="invalid_type", param=place[1])


def _not_json(body: bytes, error: ValueError) -> CallerError:
    if not body.strip(b" \t\r\n"):
        return CallerError("the body is empty; a JSON object is expected", code="invalid_json")
    if body.startswith(b"\xef\xbb\xbf"):
        return CallerError("the body is not JSON: it starts with a byte order mark (byte 0)", code="invalid_json")
    text = str(error).removeprefix("JSON is malformed: ")
    if _OFFSET.search(text) is None:
        half = _HALF_PAIR.search(body)
        text = f"half of a surrogate pair (byte {half.start()})" if half else f"it ends too early (byte {len(body)})"
    return CallerError(f"the body is not JSON: {text}", code="invalid_json")

"""One value inside config structs by its dotted key, read and replaced as a file would have it. Pure.

Enters: a struct, and the rest of a dotted key. Leaves: the value with its Shape; or a struct in which it is another,
checked as the file's would be. May fail: LookupError for what is not there, ValueError in words for a bad value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from penstock.core.scalars import convert
from penstock.core.shapes import Shape, fields_of


class Placed(NamedTuple):
    """A value and its shape."""

    value: Any
    shape: Shape


def find(struct: msgspec.Struct, key: str) -> Placed:
    """What stands at ``key``. A name in a dict may hold dots: the longest that fits counts. Raises LookupError."""
    name, _, rest = key.partition(".")
    field = fields_of(type(struct)).get(name)
    if field is None:
        raise LookupError(key)
    value = getattr(struct, name)
    if field.shape.base == "dict" and rest and field.shape.inner is not None:
        name, rest = _named(value, rest)
        return _under(value[name], field.shape.inner, rest)
    return _under(value, field.shape, rest)


def _under(value: Any, shape: Shape, rest: str) -> Placed:
    if not rest:
        return Placed(value, shape)
    if not isinstance(value, msgspec.Struct):
        raise LookupError(rest)
    return find(value, rest)


def _named(names: Mapping[str, Any], rest: str) -> tuple[str, str]:
    for name in sorted(names, key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}."):
            return name, rest[len(name) + 1 :]
    raise LookupError(rest)


def replaced(struct: msgspec.Struct, key: str, text: str, directory: str) -> msgspec.Struct:
    """``struct`` with what ``text`` says at ``key``. Only a scalar that hides nothing may be replaced so. Raises
    LookupError and ValueError."""
    name, _, rest = key.partition(".")
    field = fields_of(type(struct)).get(name)
    if field is None:
        raise LookupError(key)
    value = getattr(struct, name)
    if field.shape.base == "dict" and rest:
        named, rest = _named(value, rest)
        if not rest or not isinstance(value[named], msgspec.Struct):
            raise LookupError(key)
        made: Any = {**value, named: replaced(value[named], rest, text, directory)}
    elif rest:
        if not isinstance(value, msgspec.Struct):
            raise LookupError(key)
        made = replaced(value, rest, text, directory)
    else:
        if field.shape.base in ("struct", "dict", "list") or field.shape.hides or field.shape.path is not None:
            raise LookupError(key)
        made = convert(text, field.shape, directory)
    changed = msgspec.structs.replace(struct, **{name: made})
    check = getattr(changed, "check", None)
    problems = [message for _, message in check()] if check is not None else []
    if problems:
        raise ValueError("; ".join(problems))
    return changed

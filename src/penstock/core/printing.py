"""A config struct as it would be written in a file, and a fingerprint of it. Pure.

Enters: structs that settings.py made. Leaves: plain mappings of text and numbers, secrets masked; short hashes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from penstock.core.command_words import masked_words
from penstock.core.interpolation import escape
from penstock.core.shapes import MASK, Shape, fields_of


def plain(value: Any, shape: Shape, masked: bool) -> Any:
    """``value`` as it would be written in a file: units as text, secrets masked (or escaped, to be read back)."""
    if value is None:
        return None
    if shape.base == "struct":
        return plain_struct(value, masked)
    if shape.inner is not None:
        if shape.base == "dict":
            return {key: plain(item, shape.inner, masked) for key, item in value.items()}
        items = masked_words(value, MASK) if shape.words and masked else value
        return [plain(item, shape.inner, masked) for item in items]
    if shape.unit is not None:
        return shape.unit.format(value)
    if isinstance(value, str):
        return shape.hidden.mask(value) if shape.hidden and masked else escape(value)
    return value


def plain_struct(struct: msgspec.Struct, masked: bool = True) -> dict[str, Any]:
    """A struct as a mapping of what would be written in a file, defaults included."""
    return {name: plain(getattr(struct, name), field.shape, masked) for name, field in fields_of(type(struct)).items()}


def fingerprint(value: msgspec.Struct) -> str:
    """The same text for equal structs, in every process; another when anything in them (secrets too) differs."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:32]

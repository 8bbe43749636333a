"""Strict reading of a config file into frozen structs, with every problem found in one pass.

Enters: YAML text, the environment, and the sections (key and struct) that may stand in it. Leaves: one struct a
section. May fail: ConfigError, whose problems are lines of ``file:line: message``. What came from the environment or
stands under a secret key is never repeated in a message.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import yaml

from penstock.core.document import MERGE_TAG, BadDocument, Node, compose, is_null, is_text_key, line_of
from penstock.core.interpolation import fill, has_reference
from penstock.core.scalars import convert, suggest
from penstock.core.shapes import Field, Shape, fields_of

Place = tuple[str | int, ...]
"""Where a value stands: the keys and list positions that lead to it."""

Finding = tuple[Place, str]
"""What a struct's own ``check()`` yields: the place inside the struct, and a sentence that repeats no value."""


class ConfigError(Exception):
    """The config cannot be used. One line a problem, in the order of the file."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Section(NamedTuple):
    """``struct`` stands under the top-level ``key``; with an empty key its fields are top-level keys themselves."""

    key: str
    struct: type[msgspec.Struct]


class _Bad:
    """Stands for a value that has been complained about."""


_BAD = _Bad()
_EMPTY: dict[str, Any] = {"str": "", "int": 0, "float": 0.0, "bool": False}


class Reading:
    """One pass over one file. Problems gather here; a place that has one is not complained about again."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self._file = file
        self._directory = os.path.dirname(os.path.abspath(file))
        self._environ = environ
        self._lines: dict[Place, int] = {(): 1}
        self._problems: list[tuple[int, Place, str]] = []

    @property
    def problems(self) -> list[str]:
        return [f"{self._file}:{line}: {message}" for line, _, message in sorted(self._problems, key=lambda p: p[0])]

    def at(self, place: Place, message: str) -> str:
        """``message`` with the file and the line of the nearest thing written at ``place``."""
        return f"{self._file}:{self._line(place)}: {message}"

    def sections(self, text: str, sections: Sequence[Section]) -> dict[type[msgspec.Struct], Any]:
        """A struct for every section, the defaults where the file is silent or wrong."""
        try:
            root = compose(text)
        except BadDocument as error:
            self._problems.append((error.line, (), error.message))
            return {}
        fields: dict[str, Field] = {}
        for key, struct in sections:
            fields.update({key: Field(key, Shape("struct", struct=struct), None)} if key else fields_of(struct))
        values = self._fields(root, fields, (), "")
        made = {}
        for key, struct in sections:
            if key:
                made[struct] = values.get(key) or self._make(struct, {}, (key,))
            else:
                made[struct] = self._make(struct, {k: v for k, v in values.items() if k in fields_of(struct)}, ())
        return made

    def check(self, findings: Iterable[Finding], under: Place = ()) -> None:
        """Take in what a check found, except where something is already known to be wrong."""
        prefix = f"{_dotted(under)}: " if under else ""
        for inner, message in findings:
            place = under + inner
            if not self._is_known(place):
                self._problems.append((self._line(place), place, prefix + message))

    def _is_known(self, place: Place) -> bool:
        """Whether the value at ``place``, or an item of the list there, is already complained about."""
        return any(
            known == place or (known[:-1] == place and isinstance(known[-1], int))
            for _, known, _ in self._problems
            if known
        )

    def _line(self, place: Place) -> int:
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]

    def _complain(self, node: Node, place: Place, message: str) -> _Bad:
        self._problems.append((line_of(node), place, message))
        return _BAD

    def _make(self, struct: type[msgspec.Struct], values: dict[str, Any], place: Place) -> msgspec.Struct:
        sound = True
        for name, field in fields_of(struct).items():
            if name in values:
                continue
            known = self._is_known((*place, name))
            if field.required:
                if not known:
                    message = f"{_dotted((*place, name))} is missing"
                    self._problems.append((self._line(place), (*place, name), message))
                values[name] = _stand_in(field.shape)
            if field.required or (known and field.shape.base in ("struct", "dict", "list")):
                sound = False  # a check on what only stands in would find faults that are none
        made = struct(**values)
        check = getattr(made, "check", None)
        if check is not None and sound:
            self.check(check(), place)
        return made

    def _fields(self, node: Node | None, fields: Mapping[str, Field], place: Place, name: str) -> dict[str, Any]:
        """The good values among a struct's keys; complains about the rest."""
        values: dict[str, Any] = {}
        for key, (key_node, value) in self._entries(node, place).items():
            field = fields.get(key)
            if field is None:
                self._complain(key_node, (*place, key), _unknown(key, fields, name))
                continue
            read = self._value(value, field.shape, (*place, key))
            if read is not _BAD:
                values[key] = read
        return values

    def _value(self, node: Node, shape: Shape, place: Place) -> Any:
        if shape.base == "struct":
            assert shape.struct is not None
            if shape.optional and is_null(node):
                return None
            if not self._is(node, yaml.MappingNode, "a block of keys", place):
                return _BAD
            return self._make(shape.struct, self._fields(node, fields_of(shape.struct), place, _dotted(place)), place)
        if shape.base == "dict":
            return self._dict(node, shape, place)
        if shape.base == "list":
            return self._list(node, shape, place)
        return self._scalar(node, shape, place)

    def _dict(self, node: Node, shape: Shape, place: Place) -> Any:
        assert shape.inner is not None
        if not self._is(node, yaml.MappingNode, "a block of names", place):
            return _BAD
        read = {}
        for key, (_, value) in self._entries(node, place).items():
            item = self._value(value, shape.inner, (*place, key))
            if item is not _BAD:
                read[key] = item
            elif shape.inner.base == "struct":
                read[key] = _stand_in(shape.inner)  # the name is taken, so that who refers to it is not blamed
        return read

    def _list(self, node: Node, shape: Shape, place: Place) -> Any:
        assert shape.inner is not None
        if not self._is(node, yaml.SequenceNode, "a list, such as [a, b]", place):
            return _BAD
        if is_null(node):
            return []
        items = []
        for position, item in enumerate(node.value):
            self._lines[(*place, position)] = line_of(item)
            items.append(self._value(item, shape.inner, (*place, position)))
        return [item for item in items if item is not _BAD]

    def _is(self, node: Node, wanted: type[Node], what: str, place: Place) -> bool:
        """Whether the node is a ``wanted`` one; nothing at all (all lines under a key commented out) passes."""
        if isinstance(node, wanted) or is_null(node):
            return True
        self._complain(node, place, f"{_dotted(place)} must be {what}, got {_kind(node)}")
        return False

    def _entries(self, node: Node | None, place: Place) -> dict[str, tuple[Node, Node]]:
        found: dict[str, tuple[Node, Node]] = {}
        if node is None or is_null(node):
            return found
        if not isinstance(node, yaml.MappingNode):
            self._complain(node, place, f"expected keys and values, got {_kind(node)}")
            return found
        merged: list[Node] = []
        for key, value in node.value:
            if key.tag == MERGE_TAG:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif not is_text_key(key):
                written = f" {key.value}" if isinstance(key, yaml.ScalarNode) else ""
                self._complain(key, (*place, "?"), f'the key{written} must be text; put it in quotes ("…")')
            elif key.value in found:
                first = line_of(found[key.value][0])
                self._complain(key, (*place, key.value), f'"{key.value}" is given twice (first on line {first})')
            else:
                found[key.value] = (key, value)
                self._lines[(*place, key.value)] = line_of(key)
        for base in merged:
            for name, entry in self._entries(base, place).items():
                found.setdefault(name, entry)
        for name, (key, _) in found.items():
            self._lines[(*place, name)] = line_of(key)
        return found

    def _scalar(self, node: Node, shape: Shape, place: Place) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return self._complain(node, place, f"{_dotted(place)} must be a single value, got {_kind(node)}")
        if is_null(node):
            return None if shape.optional else self._complain(node, place, f"{_dotted(place)} has no value")
        try:
            text = fill(node.value, self._environ, self._directory)
        except ValueError as error:
            return self._complain(node, place, f"{_dotted(place)}: {error}")
        referred = has_reference(node.value)
        if shape.optional and referred and not text:
            return None
        try:
            return convert(text, shape, self._directory)
        except ValueError as error:
            shown = "" if shape.hides else f" = {json.dumps(node.value[:80], ensure_ascii=False)}"
            return self._complain(node, place, f"{_dotted(place)}{shown}: {error}")


def _stand_in(shape: Shape) -> Any:
    """Something of the right type, so that the checks behind a missing value still run."""
    if shape.optional:
        return None
    if shape.base == "struct":
        assert shape.struct is not None
        return shape.struct(**{f.name: _stand_in(f.shape) for f in fields_of(shape.struct).values() if f.required})
    if shape.base == "choice":
        return shape.choices[0]
    if shape.base in ("dict", "list"):
        return {} if shape.base == "dict" else []
    return _EMPTY[shape.base]


def _unknown(key: str, fields: Mapping[str, Field], under: str) -> str:
    hint = suggest(key, list(fields))
    if not hint:
        homes = [name for name, f in fields.items() if f.shape.struct and key in fields_of(f.shape.struct)]
        hint = f'; it belongs under "{homes[0]}"' if homes else f"; known are {', '.join(sorted(fields))}"
    return f'unknown key "{key}"{f" in {under}" if under else ""}{hint}'


def _dotted(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _kind(node: Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a block of keys"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"

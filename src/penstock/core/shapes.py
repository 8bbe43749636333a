"""What a config struct's annotations say, in one small form that reading, printing and documenting share. Pure.

Enters: msgspec Structs whose fields are Struct, dict[str, T], list[T], T | None, Literal, str, int, float, bool or
one of the marked types. Leaves: a ``Shape`` a field. May fail: TypeError for an annotation of another kind.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from penstock.core.units import Unit

MASK = "********"


@dataclass(frozen=True, slots=True)
class Hidden:
    """Marks a text that is never shown as it is; ``mask`` gives what is shown instead. ``name`` says what it is."""

    name: str
    mask: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Path:
    """Marks a file name: ``~`` is the home, a relative one counts from the config file's folder."""

    exists: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """Marks a list that is a command line: of its words, those that are secrets are not shown."""


def _mask_all(text: str) -> str:
    return MASK if text else ""


def _mask_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark or "@" not in rest:
        return url
    return f"{scheme}://{MASK}@{rest.rpartition('@')[2]}"


Secret = Annotated[str, Hidden("secret text", _mask_all), msgspec.Meta(min_length=1)]
SecretUrl = Annotated[str, Hidden("text, shown without its password", _mask_password), msgspec.Meta(min_length=1)]
FilePath = Annotated[str, Path(), msgspec.Meta(min_length=1)]
ReadableFile = Annotated[str, Path(exists=True), msgspec.Meta(min_length=1)]

Command = Annotated[list[str], Words()]

Base = Literal["struct", "dict", "list", "choice", "str", "int", "float", "bool"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One value: what it is, its bounds, and how it is shown."""

    base: Base
    struct: type[msgspec.Struct] | None = None
    inner: Shape | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    unit: Unit | None = None
    hidden: Hidden | None = None
    path: Path | None = None
    words: bool = False
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    description: str = ""

    @property
    def hides(self) -> bool:
        """Whether the value, or any value inside it, must not be shown."""
        return self.hidden is not None or self.words or (self.inner is not None and self.inner.hides)


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a struct. ``default`` is msgspec.NODEFAULT where the key must be given."""

    name: str
    shape: Shape
    default: Any

    @property
    def required(self) -> bool:
        return self.default is msgspec.NODEFAULT


_PLAIN: dict[Any, Base] = {str: "str", int: "int", float: "float", bool: "bool"}
_META = ("ge", "gt", "le", "lt", "min_length", "max_length", "description")


def shape_of(annotation: Any) -> Shape:
    """The shape of one annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        return _marked(shape_of(inner), marks)
    if origin is Union or origin is types.UnionType:
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        if len(members) != 1 or len(get_args(annotation)) != 2:
            raise TypeError(f"only T | None is understood, not {annotation}")
        return replace(shape_of(members[0]), optional=True)
    if origin is list:
        return Shape("list", inner=shape_of(get_args(annotation)[0]))
    if origin is dict:
        key, value = get_args(annotation)
        if key is not str:
            raise TypeError(f"keys must be str, not {key}")
        return Shape("dict", inner=shape_of(value))
    if origin is Literal:
        return Shape("choice", choices=get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return Shape("struct", struct=annotation)
    if annotation in _PLAIN:
        return Shape(_PLAIN[annotation])
    raise TypeError(f"a config struct cannot hold {annotation}")


def _marked(shape: Shape, marks: list[Any]) -> Shape:
    changes: dict[str, Any] = {}
    for mark in marks:
        if isinstance(mark, Unit):
            changes["unit"] = mark
        elif isinstance(mark, Hidden):
            changes["hidden"] = mark
        elif isinstance(mark, Path):
            changes["path"] = mark
        elif isinstance(mark, Words):
            changes["words"] = True
        elif isinstance(mark, msgspec.Meta):
            if mark.pattern is not None or mark.multiple_of is not None:
                raise TypeError("a pattern, or what it is a multiple of, is for check(), which can say what is wrong")
            for name in _META:
                value = getattr(mark, name)
                if value is not None:
                    changes[name] = value
    return replace(shape, **changes)


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Field]:
    """The keys of ``struct`` in the order in which they are declared."""
    hints = get_type_hints(struct, include_extras=True)
    found = {}
    for field in msgspec.structs.fields(struct):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        found[field.name] = Field(field.name, shape_of(hints[field.name]), default)
    return found

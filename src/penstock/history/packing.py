"""A window as columns of few bytes, of which a reader takes only those it asks for. Pure.

Enters: a window, or columns that ``packed`` made. Leaves: the columns by name, or a ``Packed``. May fail: ValueError
for what is no window, or of a version that packs otherwise. Durations are kept in whole microseconds. Beside the groups
are kept the sums of all and of those that share a model or an upstream: a question about them opens few rows a window.
Rows are in the order of their names, so that windows in a row mostly have equal ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.core.sketch import Sketch, merge
from penstock.core.windows import COUNTS, DIMENSIONS, SUMS, Group, Part, Window
from penstock.history.planes import Planes, pile_of, sketch_in, sketched
from penstock.history.tables import Stored, Table, encode, pressed, stored, unpressed

VERSION = 2
HEAD = "head"
"""The column without which there is no window: it tells when it was, and holds the sums of the groups."""
REST = "rest"
SKETCHES = tuple(name for name in COUNTS if name != "faults")
COLUMNS = (HEAD, *SKETCHES, *DIMENSIONS, REST)
Name = tuple[str | None, str | None, str | None]
"""Of a row: operation, model and upstream; None stands for any."""
ALL: Name = (None, None, None)
WHOSE = ("gateway", "upstream", "caller", "left")
FAULTS = tuple(f"faults_{whose}" for whose in WHOSE)
NEWER = ("held",)
OLDER = tuple(name for name in SUMS if name not in NEWER)
GROUP_PLACES = {name: place for place, name in enumerate((*OLDER, *FAULTS, *NEWER))}
PART_PLACES = {name: place for place, name in enumerate(Part.__struct_fields__)}
"""Where columns stand in a table: what is new comes last, or is of another version."""
_TIMED = frozenset(name for kind in (Group, Part) for name, told in kind.__annotations__.items() if told == "float")
MICRO = 1_000_000


class Rest(msgspec.Struct, array_like=True):
    """What is not by group."""

    gauges: dict[str, float] = {}
    peaks: dict[str, float] = {}
    waits: dict[str, float] = {}
    feedback: dict[str, tuple[int, float]] = {}


class Head(msgspec.Struct, array_like=True):
    """``shared`` are the rows of sums, ``own`` those of the groups."""

    version: int
    start: float
    seconds: float
    covered: float
    shared: Stored
    own: Stored


_head = msgspec.msgpack.Decoder(Head).decode
_names = msgspec.msgpack.Decoder(list[Name]).decode
_values = msgspec.msgpack.Decoder(list[str]).decode
_part = msgspec.msgpack.Decoder(Stored).decode
_two = msgspec.msgpack.Decoder(tuple[bytes, bytes]).decode
_sketches = msgspec.msgpack.Decoder(list[Planes]).decode
_rest = msgspec.msgpack.Decoder(Rest).decode


def packed(window: Window, wanted: Iterable[str] = COLUMNS) -> dict[str, bytes]:
    """The columns of ``window``, or those ``wanted`` of them."""
    groups = sorted(window.groups, key=lambda group: (group.operation, group.model, group.upstream))
    own: dict[Name, list[Group]] = {(group.operation, group.model, group.upstream): [group] for group in groups}
    shared = shared_rows(groups)
    made = {}
    for name in wanted:
        if name == HEAD:
            tables = _summed(shared), _summed(own)
            made[name] = encode(Head(VERSION, window.start, window.seconds, window.covered, *tables))
        elif name == REST:
            made[name] = pressed(Rest(window.gauges, window.peaks, window.waits, window.feedback))
        elif name in SKETCHES:
            made[name] = encode((_merged(shared, name), _merged(own, name)))
        else:
            made[name] = encode(_divided(window.parts.get(name, {})))
    return made


def shared_rows(groups: Sequence[Group]) -> dict[Name, list[Group]]:
    """The groups that have a model or an upstream in common, and all."""
    shared: dict[Name, list[Group]] = {}
    for group in groups:
        for name in (ALL, (None, group.model, None), (None, None, group.upstream)):
            shared.setdefault(name, []).append(group)
    ordered = sorted(shared.items(), key=lambda row: tuple(one or "" for one in row[0]))
    return {name: those for name, those in ordered if len(those) > 1}


def _summed(rows: Mapping[Name, Sequence[Group]]) -> Stored:
    older, newer = (
        [_whole(name, [sum([getattr(group, name) for group in those]) for those in rows.values()]) for name in names]
        for names in (OLDER, NEWER)
    )
    faults = [[sum([group.faults.get(whose, 0) for group in those]) for those in rows.values()] for whose in WHOSE]
    columns = [*older, *faults, *newer]
    return stored(list(rows), columns)


def _whole(name: str, values: list[Any]) -> list[int]:
    return [round(value * MICRO) for value in values] if name in _TIMED else values


def _merged(rows: Mapping[Name, Sequence[Group]], name: str) -> bytes:
    made = []
    for first, *others in rows.values():
        sketch: Sketch = getattr(first, name)
        if others:
            sketch = dict(sketch)
        for group in others:
            merge(sketch, getattr(group, name))
        made.append(sketched(sketch))
    return pressed(made)


def _divided(values: Mapping[str, Part]) -> Stored:
    parts = dict(sorted(values.items()))
    columns = [_whole(name, [getattr(part, name) for part in parts.values()]) for name in PART_PLACES]
    return stored(list(parts), columns)


class Packed:
    """A window, opened as far as it is asked. The constructor raises ValueError, and so may every method. ``shared``
    and ``own`` are tables: of the sums of several groups, and of each."""

    __slots__ = ("_columns", "covered", "own", "seconds", "shared", "start")

    def __init__(self, columns: Mapping[str, bytes]) -> None:
        self._columns = columns
        head = _head(self._column(HEAD))
        if head.version != VERSION:
            raise ValueError("a window of another version")
        self.start = head.start
        self.seconds = head.seconds
        self.covered = head.covered
        self.shared = Table(head.shared, GROUP_PLACES, _names)
        self.own = Table(head.own, GROUP_PLACES, _names)

    def _column(self, name: str) -> bytes:
        column = self._columns.get(name)
        if column is None:
            raise ValueError(f"the column {name} is missing")
        return column

    @property
    def known(self) -> float:
        """As of a Window."""
        return self.covered or self.seconds

    def sketches(self, name: str, *, own: bool) -> list[Planes]:
        """A column of sketches of the rows of a table."""
        return _sketches(unpressed(_two(self._column(name))[own]))

    def parts(self, dimension: str) -> Table:
        """A row for each value of a dimension, with the columns of a Part."""
        return Table(_part(self._column(dimension)), PART_PLACES, _values)

    @property
    def rest(self) -> Rest:
        """What is not by group."""
        return _rest(unpressed(self._column(REST)))

    def window(self) -> Window:
        """All of it."""
        own, rest = self.own, self.rest
        groups = [Group(operation or "", model or "", upstream or "") for operation, model, upstream in own.names]
        for name in SUMS:
            for group, value in zip(groups, _told(own, name), strict=True):
                setattr(group, name, value)
        for whose, column in zip(WHOSE, FAULTS, strict=True):
            for group, number in zip(groups, own.numbers(column), strict=True):
                if number:
                    group.faults[whose] = number
        for name in SKETCHES:
            for group, planes in zip(groups, self.sketches(name, own=True), strict=True):
                setattr(group, name, sketch_in(pile_of(planes)))
        tables = {dimension: self.parts(dimension) for dimension in DIMENSIONS}
        parts = {
            dimension: dict(zip(table.names, map(Part, *[_told(table, name) for name in PART_PLACES]), strict=True))
            for dimension, table in tables.items()
            if table.rows
        }
        return Window(
            self.start, self.seconds, groups, parts, rest.gauges, rest.waits, rest.feedback, -1, rest.peaks,
            self.covered,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Packed {self.start:.0f}, {self.seconds:.0f} s>"


def _told(table: Table, name: str) -> Sequence[float]:
    numbers = table.numbers(name)
    return [number / MICRO for number in numbers] if name in _TIMED else numbers

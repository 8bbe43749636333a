"""A window as few bytes, of which a reader opens only what it asks for. Pure.

Enters: a window, or bytes that ``packed`` made. Leaves: the bytes, or a ``Packed``. May fail: ValueError for bytes that
are no window, or of a version that packs otherwise. Durations are kept in whole microseconds. Beside the groups are
kept the sums of all and of those that share a model or an upstream: a question about them opens few rows a window.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.core.windows import COUNTS, SUMS, Group, Part, Window
from penstock.history.planes import Planes, planes_of, sketch_of

VERSION = 1
SKETCHES = tuple(name for name in COUNTS if name != "faults")
Name = tuple[str | None, str | None, str | None]
"""Of a row: operation, model and upstream; None stands for any."""
ALL: Name = (None, None, None)
TIMED = frozenset(name for name, kind in Group.__annotations__.items() if kind == "float")
MICRO = 1_000_000
_LEVEL = 6
LEAST_PRESSED = 256
_ZLIB = zlib.compress(b"", _LEVEL)[:1]
"""With which no list or table begins."""


class Rest(msgspec.Struct, array_like=True):
    """What is not by group."""

    gauges: dict[str, float] = {}
    peaks: dict[str, float] = {}
    waits: dict[str, float] = {}
    feedback: dict[str, tuple[int, float]] = {}


class _Rows(msgspec.Struct, array_like=True):
    names: bytes
    sums: bytes
    faults: bytes
    sketches: list[bytes]


class _Whole(msgspec.Struct, array_like=True):
    version: int
    start: float
    seconds: float
    covered: float
    shared: _Rows
    own: _Rows
    parts: dict[str, bytes]
    rest: bytes


_encode = msgspec.msgpack.Encoder().encode
_whole = msgspec.msgpack.Decoder(_Whole).decode
_names = msgspec.msgpack.Decoder(list[Name]).decode
_sums = msgspec.msgpack.Decoder(list[list[int]]).decode
_faults = msgspec.msgpack.Decoder(list[dict[str, int]]).decode
_values = msgspec.msgpack.Decoder(dict[str, list[int]]).decode
_rest = msgspec.msgpack.Decoder(Rest).decode
_column = msgspec.msgpack.Decoder(list[Planes]).decode


def packed(window: Window) -> bytes:
    """The bytes of ``window``."""
    parts = {
        dimension: _pressed({value: _measured(part) for value, part in values.items()})
        for dimension, values in window.parts.items()
    }
    whole = _Whole(
        VERSION,
        window.start,
        window.seconds,
        window.covered,
        _table(shared_rows(window.groups), _lightly),
        _table({(group.operation, group.model, group.upstream): group for group in window.groups}, _pressed),
        parts,
        _pressed(Rest(window.gauges, window.peaks, window.waits, window.feedback)),
    )
    return _encode(whole)


def _table(rows: Mapping[Any, Group], press: Callable[[Any], bytes]) -> _Rows:
    groups = list(rows.values())
    sums = [
        [round(getattr(group, name) * MICRO) if name in TIMED else getattr(group, name) for group in groups]
        for name in SUMS
    ]
    columns = [press([planes_of(getattr(group, name)) for group in groups]) for name in SKETCHES]
    return _Rows(press(list(rows)), press(sums), press([group.faults for group in groups]), columns)


def _measured(part: Part) -> list[int]:
    return [round(value * MICRO) if type(value) is float else value for value in msgspec.structs.astuple(part)]


def shared_rows(groups: list[Group]) -> dict[Name, Group]:
    """The sums of those groups that have a model or an upstream in common, and of all."""
    rows: dict[Name, Group] = {}
    shared: dict[Name, list[Group]] = {}
    for group in groups:
        for name in ((None, group.model, None), (None, None, group.upstream), ALL):
            shared.setdefault(name, []).append(group)
    for name, those in shared.items():
        if len(those) > 1:
            rows[name] = Group()
            for group in those:
                rows[name].add(group)
    return rows


class Rows:
    """A table of rows, opened column by column."""

    __slots__ = ("_names", "_opened", "_stored", "_sums")

    def __init__(self, stored: _Rows) -> None:
        self._stored = stored
        self._names: list[Name] | None = None
        self._sums: list[list[int]] | None = None
        self._opened: dict[str, list[Any]] = {}

    @property
    def stored_names(self) -> bytes:
        """The names as they are stored: equal ones are equal names."""
        return self._stored.names

    @property
    def names(self) -> list[Name]:
        """Of the rows."""
        if self._names is None:
            self._names = _names(_unpressed(self._stored.names))
        return self._names

    def sums(self, name: str) -> list[int]:
        """A column of sums; seconds as microseconds."""
        if self._sums is None:
            self._sums = _sums(_unpressed(self._stored.sums))
        return self._sums[_PLACE[name]]

    @property
    def faults(self) -> list[dict[str, int]]:
        """Of the rows."""
        if "faults" not in self._opened:
            self._opened["faults"] = _faults(_unpressed(self._stored.faults))
        return self._opened["faults"]

    def sketches(self, name: str) -> list[Planes]:
        """A column of sketches, as ``planes`` opens them."""
        if name not in self._opened:
            self._opened[name] = _column(_unpressed(self._stored.sketches[SKETCHES.index(name)]))
        return self._opened[name]

    def __repr__(self) -> str:
        return f"<Rows {self.names}>"


class Packed:
    """A window, opened as far as it is asked. The constructor raises ValueError, and so may every method. ``shared``
    and ``own`` are rows: of the sums of several groups, and of each."""

    __slots__ = ("_whole", "covered", "own", "seconds", "shared", "start")

    def __init__(self, text: bytes) -> None:
        self._whole = _whole(text)
        if self._whole.version != VERSION:
            raise ValueError("a window of another version")
        self.start = self._whole.start
        self.seconds = self._whole.seconds
        self.covered = self._whole.covered
        self.shared = Rows(self._whole.shared)
        self.own = Rows(self._whole.own)

    @property
    def known(self) -> float:
        """As of a Window."""
        return self.covered or self.seconds

    def values(self, dimension: str) -> dict[str, list[int]]:
        """The parts of a dimension by value; each in the order of a Part, seconds as microseconds."""
        stored = self._whole.parts.get(dimension)
        return {} if stored is None else _values(_unpressed(stored))

    @property
    def rest(self) -> Rest:
        """What is not by group."""
        return _rest(_unpressed(self._whole.rest))

    def window(self) -> Window:
        """All of it."""
        own, rest = self.own, self.rest
        groups = [
            Group(operation or "", model or "", upstream or "", faults=faults)
            for (operation, model, upstream), faults in zip(own.names, own.faults, strict=True)
        ]
        for name in SUMS:
            for group, value in zip(groups, own.sums(name), strict=True):
                setattr(group, name, value / MICRO if name in TIMED else value)
        for name in SKETCHES:
            for group, planes in zip(groups, own.sketches(name), strict=True):
                setattr(group, name, sketch_of(planes))
        parts = {
            dimension: {value: _part(numbers) for value, numbers in self.values(dimension).items()}
            for dimension in self._whole.parts
        }
        return Window(
            self.start, self.seconds, groups, parts, rest.gauges, rest.waits, rest.feedback, -1, rest.peaks,
            self.covered,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Packed {self.start:.0f}, {self.seconds:.0f} s>"


def _part(numbers: list[int]) -> Part:
    part = Part(*numbers)
    part.total, part.first_byte = part.total / MICRO, part.first_byte / MICRO
    return part


_PLACE: Mapping[str, int] = {name: at for at, name in enumerate(SUMS)}


def _pressed(value: Any) -> bytes:
    return zlib.compress(_encode(value), _LEVEL)


def _lightly(value: Any) -> bytes:
    """Pressed only where that halves it: what most questions read is then opened in half the time."""
    text = _encode(value)
    pressed = zlib.compress(text, _LEVEL)
    return pressed if len(text) > LEAST_PRESSED and len(pressed) < len(text) / 2 else text


def _unpressed(text: bytes) -> bytes:
    if text[:1] != _ZLIB:
        return text
    try:
        return zlib.decompress(text)
    except zlib.error as error:
        raise ValueError(str(error)) from None

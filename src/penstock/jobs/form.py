"""A form (multipart/form-data, RFC 7578) read as it arrives: fields whole, a file piece by piece. Pure.

Enters: chunks of its body. Leaves: Field, then Piece after Piece, for each part. May fail: CallerError 400.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from penstock.core.errors import CallerError

MOST_HEAD_BYTES = 8192
MOST_VALUE_BYTES = 4096
MOST_PARTS = 64
_BOUNDARY = re.compile(rb"boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)
_NAME = re.compile(rb"[;\s]name=(?:\"([^\"\r\n]{0,256})\"|([^\s;\"]{1,256}))", re.IGNORECASE)
_FILE_NAME = re.compile(rb"[;\s]filename=(?:\"((?:[^\"\\\r\n]|\\.){0,1024})\"|([^\s;\"]{1,256}))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A plain field, or with a ``filename`` the beginning of a file, whose pieces follow."""

    name: str
    value: str
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the file that began last."""

    data: bytes


def boundary_of(content_type: bytes) -> bytes:
    """Raises CallerError for what is no form."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().lstrip().startswith(b"multipart/form-data") or found is None:
        raise CallerError("an upload is a multipart/form-data with a boundary", code="invalid_form")
    return found[1] or found[2]


class Form:
    """See the module. ``ended`` once its last boundary has come."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        self._held = b"\r\n"  # the first boundary may stand at the very beginning
        self._state = "start"
        self._name = ""
        self._parts = 0
        self._value = b""
        self.ended = False

    def feed(self, chunk: bytes) -> Iterator[Field | Piece]:
        """What ``chunk`` brings. Raises CallerError."""
        self._held += chunk
        while not self.ended:
            if self._state == "head":
                field = self._head()
                if field is None:
                    return
                if field.filename is not None:
                    yield field
            else:
                at = self._held.find(self._mark)
                whole = at >= 0 and len(self._held) >= at + len(self._mark) + 2
                upto = at if at >= 0 else max(0, len(self._held) - len(self._mark) + 1)
                data, self._held = self._held[:upto], self._held[upto:]
                if data and self._state == "file":
                    yield Piece(data)
                elif self._state == "value":
                    self._grow(data)
                if not whole:
                    return
                if self._state == "value":
                    yield Field(self._name, self._value.decode("utf-8", "replace"))
                self._pass_mark()

    def _grow(self, data: bytes) -> None:
        self._value += data
        if len(self._value) > MOST_VALUE_BYTES:
            raise _wrong(f"the field {self._name!r} is over {MOST_VALUE_BYTES} bytes")

    def _pass_mark(self) -> None:
        rest = self._held[len(self._mark) :]
        if rest.startswith(b"--"):
            self.ended = True
        elif rest.startswith(b"\r\n"):
            self._parts += 1
            if self._parts > MOST_PARTS:
                raise _wrong(f"it has more than {MOST_PARTS} parts")
            self._state = "head"
            self._held = rest
        else:
            raise _wrong("a boundary is followed by something else than a line's end")

    def _head(self) -> Field | None:
        """The head of a part, once it is whole."""
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            if len(self._held) > MOST_HEAD_BYTES:
                raise _wrong("the head of a part is too long")
            return None
        head, self._held = self._held[:end], self._held[end + 2 :]
        told = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")), b"")
        name = _NAME.search(told)
        if name is None:
            raise _wrong("a part has no name")
        self._name = (name[1] or name[2] or b"").decode("utf-8", "replace")
        self._held = self._held[2:]
        file = _FILE_NAME.search(told)
        self._value = b""
        self._state = "value" if file is None else "file"
        if file is None:
            return Field(self._name, "")
        return Field(self._name, "", (file[1] if file[1] is not None else file[2]).decode("utf-8", "replace"))

    def __repr__(self) -> str:
        return f"<Form {'ended' if self.ended else self._state}, part {self._parts}>"


def _wrong(message: str) -> CallerError:
    return CallerError(f"the form cannot be read: {message}", code="invalid_form")

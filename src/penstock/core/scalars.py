"""One config value from its text, by the shape that its key wants. Pure but for asking whether a named file exists.

Enters: text (references already filled in) and a Shape. Leaves: the value. May fail: ValueError whose sentence
never repeats the text, for it may be a secret.
"""

from __future__ import annotations

import math
import os
import re
from difflib import get_close_matches

from penstock.core.shapes import Path, Shape

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:_[0-9]{1,6})*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def convert(text: str, shape: Shape, directory: str) -> str | int | float | bool:
    """The value of ``text``. Relative file names count from ``directory``."""
    if shape.base == "choice":
        return _choice(text, shape.choices)
    if shape.base == "bool":
        return _truth(text)
    if shape.base == "str":
        return _text(text, shape, directory)
    number = _number(text, shape)
    _check_range(number, shape)
    return number


def suggest(name: str, known: list[str]) -> str:
    """``; did you mean "…"?`` when a known name is near, else nothing."""
    close = get_close_matches(name.lower(), known, 1, 0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text in choices:
        return text
    raise ValueError(f"must be one of {', '.join(choices)}{suggest(text, list(choices))}")


def _truth(text: str) -> bool:
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    raise ValueError("must be true or false")


def _number(text: str, shape: Shape) -> float:
    if shape.unit is not None:
        return shape.unit.parse(text)
    if shape.base == "int":
        if not _WHOLE.fullmatch(text):
            raise ValueError("must be a whole number")
        return int(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("must be a number")
    return number


def _check_range(number: float, shape: Shape) -> None:
    write = shape.unit.format if shape.unit else str
    if shape.ge is not None and number < shape.ge:
        raise ValueError(f"must be at least {write(shape.ge)}")
    if shape.gt is not None and number <= shape.gt:
        raise ValueError(f"must be more than {write(shape.gt)}")
    if shape.le is not None and number > shape.le:
        raise ValueError(f"must be at most {write(shape.le)}")
    if shape.lt is not None and number >= shape.lt:
        raise ValueError(f"must be less than {write(shape.lt)}")


def _text(text: str, shape: Shape, directory: str) -> str:
    if shape.min_length is not None and len(text) < shape.min_length:
        raise ValueError("must not be empty" if not text else f"must have at least {shape.min_length} characters")
    if shape.max_length is not None and len(text) > shape.max_length:
        raise ValueError(f"must have at most {shape.max_length} characters")
    if _CONTROL.search(text):
        raise ValueError("must not hold a line break or another control character")
    if shape.path is not None:
        return _file_name(text, shape.path, directory)
    return text


def _file_name(text: str, path: Path, directory: str) -> str:
    full = os.path.normpath(os.path.join(directory, os.path.expanduser(text)))
    if path.exists and not os.path.isfile(full):
        raise ValueError("names a file that is not there")
    if path.exists and not os.access(full, os.R_OK):
        raise ValueError("names a file that may not be read by this user")
    return full

"""``${NAME}``, ``${NAME:-default}`` and ``${file:PATH}`` inside a config value; ``$${`` stands for a plain ``${``.

Enters: the text of one value. Leaves: the text with each reference filled in, never read again as YAML or for more
references. May fail: ValueError that names the variable or file, never a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_LARGEST_FILE = 64 * 1024
"""Bytes read from a ``${file:…}``: keys and certificates' passwords are far smaller."""


def has_reference(text: str) -> bool:
    """Whether ``fill`` would look anything up."""
    return any(match[0] != "$${" for match in _REFERENCE.finditer(text))


class Reference(NamedTuple):
    """One reference in a text: to the variable ``name``, with a ``default`` where it has one, or to the ``file``."""

    name: str
    default: str | None = None
    file: str = ""


def references(text: str) -> Iterator[Reference]:
    """Those in ``text``, in order. What ``fill`` would refuse is none."""
    for match in _REFERENCE.finditer(text):
        if match[1] is None:
            continue
        if match[1].startswith("file:"):
            yield Reference("", None, match[1][len("file:") :])
        elif (found := _VARIABLE.fullmatch(match[1])) is not None:
            yield Reference(found[1], found[2])


def rewritten(text: str, rewrite: Callable[[str], str]) -> str:
    """``text`` with what stands between ``${`` and ``}`` of each reference put through ``rewrite``, braces included."""
    return _REFERENCE.sub(lambda match: match[0] if match[1] is None else rewrite(match[1]), text)


def fill(text: str, environ: Mapping[str, str], directory: str) -> str:
    """``text`` with its references filled in. Relative file names count from ``directory``."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise ValueError('"${" is not closed; write "$${" for a plain "${"')
        return _look_up(match[1], environ, directory)

    return _REFERENCE.sub(value, text)


def escape(text: str) -> str:
    """Text that ``fill`` turns back into ``text``."""
    return text.replace("${", "$${")


def _look_up(reference: str, environ: Mapping[str, str], directory: str) -> str:
    if reference.startswith("file:"):
        return _read(reference[len("file:") :], directory)
    match = _VARIABLE.fullmatch(reference)
    if match is None:
        raise ValueError(f'"${{{reference}}}" is not ${{NAME}}, ${{NAME:-default}} or ${{file:PATH}}')
    name, default = match[1], match[2]
    found = environ.get(name)
    if default is not None:
        return found or default
    if found is None:
        raise ValueError(
            f"the environment variable {name} is not set; set it, or write ${{{name}:-default}} to do without"
        )
    return found


def _read(path: str, directory: str) -> str:
    if not path:
        raise ValueError("${file:} names no file")
    full = os.path.join(directory, os.path.expanduser(path))
    try:
        with open(full, "rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        text = data.decode()
    except OSError as error:
        raise ValueError(f"cannot read the file {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text") from None
    except ValueError:
        raise ValueError(f"the file name {path!r} is not valid") from None
    if len(data) > _LARGEST_FILE:
        raise ValueError(f"the file {path} is larger than {_LARGEST_FILE // 1024} KiB")
    return text.rstrip("\r\n")

"""The HTML pages that commands write. May fail: Failure, best before the work for it is done."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.cli.failure import Failure


def find_room(path: str | None) -> None:
    """Raises Failure for a file that could not be written; None is none."""
    if path is None:
        return
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Failure(f"{path} cannot be written: there is no folder {folder}")
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise Failure(f"{path} cannot be written: it is a folder, or may not be written by this user")


def write(path: str, text: str) -> None:
    """Write it. Raises Failure."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None

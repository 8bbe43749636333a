"""Which form of Penstock is measured: what its wheel carries, compiled where this machine can, or the source as it is.

Enters: this tree, ``PENSTOCK_PURE``. Leaves: the folder for PYTHONPATH, and words for the head of a table. Raises
``RuntimeError`` with the compiler's last words.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.machine import ROOT, describe

CANNOT = 3
"""tools/compile.py ends so where nothing can be compiled."""


@dataclass(frozen=True)
class Form:
    """One form of the package."""

    folder: Path
    says: str


SOURCE = Form(ROOT / "src", "the source")


@functools.cache
def carried() -> Form:
    """What the wheel would carry; compiled anew, a minute or two, when the source has changed."""
    argv = [sys.executable, str(ROOT / "tools" / "compile.py")]
    made = subprocess.run(argv, capture_output=True, text=True)
    if made.returncode == CANNOT:
        return Form(SOURCE.folder, f"the source ({made.stderr.strip()})")
    if made.returncode:
        raise RuntimeError(f"the hot path does not compile:\n{(made.stdout + made.stderr)[-2000:]}")
    return Form(ROOT / ".cache" / "compiled", "compiled")


def about() -> dict[str, str]:
    """The machine, and which form of Penstock ``penstock`` is in what follows."""
    return describe() | {"penstock": carried().says}

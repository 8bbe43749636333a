"""What each lock file must hold, read from pyproject.toml alone.

Enters: pyproject.toml. Leaves: for each file under requirements/ its direct requirements, and a digest of them that
the file carries, so that a changed pyproject is noticed. Fails with KeyError when an extra is missing.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTED = ("aws", "encryption", "redis", "semantic")
"""Extras that the tests need beside `local`."""

SERVER = ("encryption", "forecast", "redis")
"""Extras in an image of Penstock without an engine of its own; ``full`` is the image with all of them."""

EDITABLE = "editables>=0.5,<1"  # what hatchling asks for when the package is installed in place


def declared(root: Path = ROOT) -> dict[str, list[str]]:
    """Lock name -> direct requirements, smallest set last: the others are pinned to what the largest resolved to."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    core = project["project"]["dependencies"]
    extras = project["project"]["optional-dependencies"]
    build = [*project["build-system"]["requires"], EDITABLE]
    local = core + extras["local"]
    tested = [requirement for name in TESTED for requirement in extras[name]]
    server = core + [requirement for name in SERVER for requirement in extras[name]]
    full = local + tested + extras["forecast"] + extras["keda"]
    return {
        "dev": local + tested + extras["dev"] + build, "full": full, "server": server, "local": local, "core": core,
        "build": build, "cdk": extras["cdk"],
    }  # fmt: skip


def digest(requirements: list[str]) -> str:
    """A short mark of a set of requirements."""
    return hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()[:16]


def mark(requirements: list[str]) -> str:
    """The line that a lock file carries at its head."""
    return f"# pyproject: {digest(requirements)}"

"""Whether Ray refused because of versions, and which. Pure."""

from __future__ import annotations

import re

_VERSIONS = re.compile(r"Ray: ([\w.+-]+).*?Python: ([\w.+-]+)", re.DOTALL)


def mismatch(error: str, ray: str, python: str) -> str:
    """What to tell of Ray's own complaint, "" where it is another one. ``ray``, ``python``: ours."""
    if "ersion mismatch" not in error and "versions" not in error:
        return ""
    found = _VERSIONS.search(error)
    theirs = f"it runs Ray {found[1]} on Python {found[2]}" if found else " ".join(error.split())[:200]
    return f"{theirs}, this gateway has Ray {ray} on Python {python}; both must be the same on both sides"

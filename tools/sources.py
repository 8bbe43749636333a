"""What the structure checks share: the project's Python files, and exemptions that may only shrink.

Enters: a root folder. Leaves: parsed files, and complaints as lines of text. Fails with SyntaxError on broken source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Source:
    """One Python file. ``path`` is relative to the root, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)


def sources(folders: Iterable[str], root: Path = ROOT) -> Iterator[Source]:
    """The Python files under ``folders``, in order of path."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if "__pycache__" not in name and "node_modules" not in name:
                yield Source(name, path.read_text(encoding="utf-8"))


def settle(found: Mapping[str, str], exempt: Mapping[str, str], table: str) -> list[str]:
    """Complaints that no exemption answers, and exemptions that answer no complaint (they must go).

    ``found`` maps what is wrong (a path, or ``path:name``) to the words about it; ``exempt`` maps the same to a reason.
    """
    lines = [f"{key}: {words}" for key, words in found.items() if key not in exempt]
    lines += [f"{key}: no longer needs its row in {table}; take it out" for key in exempt if key not in found]
    lines += [f"{key}: its row in {table} gives no reason" for key, reason in exempt.items() if not reason.strip()]
    return lines


def report(lines: list[str], good: str) -> int:
    """Print the complaints, or ``good``; the exit status."""
    print("\n".join(lines) if lines else good)
    return bool(lines)

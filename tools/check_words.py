"""Words that may not stand in the project: registry hosts, paths of one machine, marks of a merge, and hollow nouns.

Enters: every text file of the project. Leaves: ``path:line: what``; exit 1 then. A lock file or a script that names a
registry ties its users to it; a path of somebody's machine is true nowhere else; a *manager* may be anything.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sources import ROOT, report, settle, sources

REGISTRY = re.compile(r"(?:pypi[.](?:python[.])?org|files[.]pythonhosted[.]org|registry[.](?:npmjs|yarnpkg)[.]\w+)")
MERGE = re.compile(r"(?:<{7}|>{7}) ")
MACHINE = re.compile(r"(?<![\w.~$}/-])/(?:root|work|Users/\w+|home/\w+)/")
HOLLOW = re.compile(r"(manager|helper|handler|utils?)$", re.IGNORECASE)
SKIPPED = {".git", "node_modules", "__pycache__", "build", "dist", "LICENSE", "check_words.py"}
SEEN_THOUGH_HIDDEN = {".ci", ".github"}

# "path:line or name" -> the reason. May only shrink.
EXEMPT: dict[str, str] = {}


def files(root: Path = ROOT) -> Iterator[Path]:
    """Text files of the project, without environments, caches and build outputs."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED
            and (not name.startswith(".") or name in SEEN_THOUGH_HIDDEN)
            and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(names) if name not in SKIPPED)


def forbidden(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers, and what stands there."""
    for number, line in enumerate(text.splitlines(), 1):
        if REGISTRY.search(line):
            yield number, "names a package registry"
        if MACHINE.search(line):
            yield number, "names a path of one machine"
        if MERGE.match(line):
            yield number, "was left by a merge"


def hollow_names(path: str, tree: ast.Module) -> Iterator[str]:
    """File and class names that end in a noun that says nothing."""
    if HOLLOW.search(Path(path).stem):
        yield Path(path).stem
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and HOLLOW.search(node.name):
            yield node.name


def check(root: Path = ROOT) -> list[str]:
    """Everything found under ``root``."""
    found: dict[str, str] = {}
    for path in files(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not text
        name = path.relative_to(root).as_posix()
        found |= {f"{name}:{number}": words for number, words in forbidden(text)}
    for source in sources(["src", "tools"], root):
        for name in hollow_names(source.path, source.tree):
            found[f"{source.path}:{name}"] = "say what it is or does instead"
    return settle(found, EXEMPT, "EXEMPT")


def main() -> int:
    return report(check(), "words: none that is forbidden")


if __name__ == "__main__":
    sys.exit(main())

"""Are files and functions small, and does each module say what it does? Prints what is not so; exit 1 then.

Enters: src, tools, tests, bench. Files: 300 lines; functions: 60; module docstrings: 1 to 8 lines. Exemptions may only
shrink: one that is no longer needed is a complaint too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

from sources import ROOT, Source, report, settle, sources

FOLDERS = ("src", "tools", "tests", "bench")
FILE_LINES = 300
FUNCTION_LINES = 60
DOCSTRING_LINES = 8

# "path" or "path:function" -> the reason why it is longer than the others. May only shrink.
EXEMPT: dict[str, str] = {}


def function_lengths(tree: ast.Module) -> dict[str, int]:
    """Lines of each function from ``def`` to its end, by dotted name."""
    lengths: dict[str, int] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}."
                if not isinstance(child, ast.ClassDef):
                    lengths[name[:-1]] = (child.end_lineno or child.lineno) - child.lineno + 1
            walk(child, name)

    walk(tree, "")
    return lengths


def complaints(source: Source) -> dict[str, str]:
    """What is too long in one file."""
    found: dict[str, str] = {}
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        found[source.path] = f"{lines} lines; {FILE_LINES} are allowed"
    for name, length in function_lengths(source.tree).items():
        if length > FUNCTION_LINES:
            found[f"{source.path}:{name}"] = f"{length} lines; {FUNCTION_LINES} are allowed"
    if source.path.startswith(("src/", "tools/")) and source.text.strip():
        docstring = ast.get_docstring(source.tree)
        length = len(docstring.splitlines()) if docstring else 0
        if not 1 <= length <= DOCSTRING_LINES:
            found[f"{source.path}:docstring"] = f"{length} lines; 1 to {DOCSTRING_LINES} say what the module does"
    return found


def check(root: Path = ROOT, exempt: Mapping[str, str] = EXEMPT) -> list[str]:
    """Everything too long under ``root``."""
    found: dict[str, str] = {}
    for source in sources(FOLDERS, root):
        found |= complaints(source)
    return settle(found, exempt, "EXEMPT")


def main() -> int:
    return report(check(), "sizes: files, functions and docstrings within bounds")


if __name__ == "__main__":
    sys.exit(main())

"""Has each source file a test file of the same name? Prints those without; exit 1 then.

Enters: src/penstock and tools against tests. ``src/penstock/wire/sse.py`` wants ``tests/wire/test_sse.py``;
``tools/lock.py`` wants ``tests/tools/test_lock.py``. Files that only name things (types, fields, protocols) want none.
Exemptions may only shrink.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from sources import ROOT, Source, report, settle, sources

# path -> where it is tested instead, or why not. May only shrink.
EXEMPT: dict[str, str] = {
    "tools/lock.py": "needs a package registry; check_lock reads what it writes, and that is tested",
    "tools/smoke.py": "is itself a test: .ci/run runs it against the built wheel",
}


def test_of(path: str) -> str:
    """The test file that a source file wants."""
    pure = PurePosixPath(path.removeprefix("src/penstock/"))
    return str(PurePosixPath("tests") / pure.with_name(f"test_{pure.name}"))


def says_something(source: Source) -> bool:
    """Whether the file holds behaviour: a function with a body, outside protocols."""
    return any(_acts(node) for node in source.tree.body)


def _acts(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        is_protocol = any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        return not is_protocol and any(_acts(inner) for inner in node.body)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(not isinstance(inner, ast.Expr | ast.Pass) or _is_call(inner) for inner in node.body)
    return isinstance(node, ast.If | ast.Try | ast.For | ast.While | ast.With)


def _is_call(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)


def check(root: Path = ROOT, exempt: Mapping[str, str] = EXEMPT) -> list[str]:
    """Source files under ``root`` without a test of their name."""
    found = {
        source.path: f"wants {test_of(source.path)}"
        for source in sources(["src/penstock", "tools"], root)
        if says_something(source) and not (root / test_of(source.path)).exists()
    }
    return settle(found, exempt, "EXEMPT")


def main() -> int:
    return report(check(), "pairs: every source file has its test")


if __name__ == "__main__":
    sys.exit(main())

"""Is docs/specification.md true? What a row calls done must exist: its files, its config keys, its tests.

Enters: the tables of the ledger: id | what | file | config key | default | test | state. Leaves: what is not so; exit 1
then. A state is ``done``, ``planned: <capability>`` or ``not followed: <reason>``; after ``;`` comes how we differ.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sources import ROOT, report, sources

LEDGER = "docs/specification.md"
CAPABILITIES = (
    "data plane", "streams", "routing", "cache", "batching & memory", "insight", "scaling", "providers", "limits",
)  # fmt: skip
ROW = re.compile(r"^\| *([A-Z]+-\d+[a-z]?) *\|(.*)\|\s*$", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")
COLUMNS = 6


@dataclass(frozen=True)
class Row:
    """One line of the ledger."""

    id: str
    what: str
    files: tuple[str, ...]
    keys: tuple[str, ...]
    default: str
    tests: tuple[str, ...]
    state: str


def rows(text: str) -> tuple[list[Row], list[str]]:
    """The ledger's rows, and complaints about lines that cannot be read as one."""
    read: list[Row] = []
    wrong: list[str] = []
    for identity, rest in ROW.findall(text):
        cells = [cell.strip() for cell in rest.split("|")]
        if len(cells) != COLUMNS:
            wrong.append(f"{identity}: {len(cells) + 1} columns; {COLUMNS + 1} are wanted")
            continue
        what, files, keys, default, tests, state = cells
        names = [tuple(QUOTED.findall(cell)) for cell in (files, keys, tests)]
        read.append(Row(identity, what, names[0], names[1], default, names[2], state))
    wrong += [f"{identity}: stands twice" for identity, times in Counter(row.id for row in read).items() if times > 1]
    return read, wrong


def state_problem(state: str) -> str:
    """What is wrong with a state, or an empty string."""
    head, _, note = state.partition(";")
    kind, _, rest = head.partition(":")
    kind, rest = kind.strip(), rest.strip()
    if ";" in state and not note.strip():
        return "a ; without a note"
    if kind == "done":
        return "done takes a note after ;" if rest else ""
    if kind == "planned":
        return "" if rest in CAPABILITIES else f"{rest!r} is no capability"
    if kind == "not followed":
        return "" if rest else "not followed wants its reason"
    return f"{kind!r} is no state"


def config_names(root: Path) -> frozenset[str]:
    """Every field of every config section, and the section names that src/penstock/config.py quotes."""
    names: set[str] = set()
    for source in sources(["src/penstock"], root):
        if not Path(source.path).stem.endswith("config"):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                fields = (item.target for item in node.body if isinstance(item, ast.AnnAssign))
                names |= {target.id for target in fields if isinstance(target, ast.Name)}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and source.path.count("/") == 2:
                names.add(node.value)
    return frozenset(names)


@cache
def functions(path: Path) -> frozenset[str]:
    """Names of the functions and classes in a test file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def row_problems(row: Row, names: frozenset[str], root: Path) -> list[str]:
    """What a row says that is not so."""
    wrong = [problem] if (problem := state_problem(row.state)) else []
    if not row.what:
        wrong.append("says nothing")
    if not row.state.startswith("done"):
        if row.state.startswith("planned") and not row.files:
            wrong.append("planned, but no file is named")
        return [f"{row.id}: {problem}" for problem in wrong]
    wrong += [f"no file {file}" for file in row.files if not _exists(root, file)]
    for key in row.keys:
        steps = [step for step in re.sub(r"<[^>]*>|\[\]", "", key).split(".") if step]
        wrong += [f"no config key {key} ({step})" for step in steps if step not in names]
    if not row.tests:
        wrong.append("done without a test")
    for test in row.tests:
        file, _, function = test.partition("::")
        path = root / "tests" / file
        if not path.exists():
            wrong.append(f"no test file {file}")
        elif function and function not in functions(path):
            wrong.append(f"no test {function} in {file}")
    return [f"{row.id}: {problem}" for problem in wrong]


def _exists(root: Path, file: str) -> bool:
    return (root / "src/penstock" / file).exists() or (root / file).exists()


def check(root: Path = ROOT) -> list[str]:
    """Everything in the ledger under ``root`` that is not so."""
    read, wrong = rows((root / LEDGER).read_text(encoding="utf-8"))
    names = config_names(root)
    for row in read:
        wrong += row_problems(row, names, root)
    return wrong or ([] if read else [f"{LEDGER}: no rows"])


def main() -> int:
    return report(check(), "ledger: what it calls done is there")


if __name__ == "__main__":
    sys.exit(main())

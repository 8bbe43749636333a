"""Who may import whom, which files are pure, and where tasks are made. Prints what breaks a rule; exit 1 then.

Enters: src/penstock. The import rule counts every import, also inside functions and under TYPE_CHECKING: a type is a
dependency too, and slices meet through core/ports.py. The purity rule looks only at what is imported at run time.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from sources import ROOT, Source, report, settle, sources

PACKAGE = "src/penstock"
FOUNDATIONS = ("core", "wire", "net")
ROOMS_WITH_IO = ("stage", "service", "store")
IMPURE = {
    "asyncio", "http", "multiprocessing", "requests", "select", "selectors", "signal", "socket", "ssl", "subprocess",
    "threading", "time", "uvloop",
}  # fmt: skip
TASKS = ("create_task", "ensure_future", "TaskGroup")
TASKS_HOME = "src/penstock/core/tasks.py"

# Area -> the areas that it may import besides itself. "slices:stage" is the file stage.py of any slice;
# "slices:pure" any file of a slice that is neither a room, a loop nor a store. An area that is missing here is a slice.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "core": (),
    "wire": ("core",),
    "net": ("core",),
    "config": ("core", "slices:config", "slices:stage"),
    "pipeline": ("core", "config", "slices:config", "slices:stage"),
    "assemble": ("*",),
    "simulate": ("core", "config", "slices:pure"),
    "deploy": ("core", "config"),
    "demo": ("core", "net", "deploy", "slices:pure"),
    "process": ("core", "net", "config", "assemble", "slices:config", "slices:pure"),
    "cli": ("core", "config", "pipeline", "assemble", "process", "simulate", "deploy", "demo", "slices:pure"),
    "__main__": ("cli",),
}
SLICE_MAY_IMPORT = FOUNDATIONS

# Imports that break the import rule, as "importing file -> imported module", with the reason. May only shrink.
IMPORT_EXEMPT: dict[str, str] = {}

# Files of slices that do I/O under another name than stage, service or store, with the reason. May only shrink.
IMPURE_EXEMPT: dict[str, str] = {
    "src/penstock/edge/endpoint.py": "the first room: it stands before the pipeline and starts its tasks",
    "src/penstock/edge/serving.py": "one request being served: it is the task, and sees it cancelled",
    "src/penstock/providers/echo.py": "an upstream inside the process: it paces its own answers",
    "src/penstock/providers/local/engine.py": "the main program of a child process; it sets that process's signals",
}


def area(module: str) -> str:
    """``penstock.routing.score`` -> ``routing``; the package itself -> an empty string."""
    name = [*module.split("."), ""][1]
    return "assemble" if name.startswith("assemble_") else name  # the composition root in several files


def module_of(path: str) -> str:
    """``src/penstock/net/server.py`` -> ``penstock.net.server``."""
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_slice(name: str) -> bool:
    return bool(name) and name not in MAY_IMPORT


def imports(tree: ast.AST, module: str, is_package: bool, modules: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Each import under ``tree`` as (line, full module name); ``from a import b`` names a.b where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                origin = ".".join([*parts, origin] if origin else parts)
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield node.lineno, full if full in modules else origin


def allowed(importer: str, imported: str, impure: frozenset[str]) -> bool:
    """Whether module ``importer`` may import module ``imported``; ``impure`` are the modules of slices that do I/O."""
    mine, theirs = area(importer), area(imported)
    if not theirs or mine == theirs:
        return True  # the package itself holds only its version
    permitted = MAY_IMPORT.get(mine, SLICE_MAY_IMPORT)
    if "*" in permitted or theirs in permitted:
        return True
    if not is_slice(theirs):
        return False
    last = imported.split(".")[-1]
    return f"slices:{last}" in permitted or ("slices:pure" in permitted and imported not in impure)


def must_be_pure(source: Source) -> bool:
    """Files of wire/ and of slices, but for the rooms, loops and stores."""
    name = area(module_of(source.path))
    pure_area = name == "wire" or (is_slice(name) and source.path.count("/") > 2)
    return pure_area and Path(source.path).stem not in ROOMS_WITH_IO


class _RunTime(ast.NodeTransformer):
    """Takes out what only a type checker sees."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        test = node.test
        if (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
            isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
        ):
            return node.orelse
        return self.generic_visit(node)


def impurities(source: Source) -> list[str]:
    """Modules doing I/O or telling the time that a file imports at run time."""
    tree = _RunTime().visit(ast.parse(source.text))
    module = module_of(source.path)
    named = {name.split(".")[0] for _, name in imports(tree, module, False, frozenset())}
    return sorted(named & IMPURE)


def task_calls(source: Source) -> Iterator[tuple[int, str]]:
    """Lines on which a task is made, or its maker fetched by name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in TASKS:
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "asyncio":
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in TASKS)


def check(
    root: Path = ROOT,
    impure_exempt: Mapping[str, str] = IMPURE_EXEMPT,
    import_exempt: Mapping[str, str] = IMPORT_EXEMPT,
) -> list[str]:
    """Everything wrong under ``root``."""
    files = list(sources([PACKAGE], root))
    modules = frozenset(module_of(file.path) for file in files)
    unclean = {file.path: found for file in files if must_be_pure(file) and (found := impurities(file))}
    rooms = {module_of(file.path) for file in files if Path(file.path).stem in ROOMS_WITH_IO}
    impure = frozenset(rooms | {module_of(path) for path in unclean})
    lines = settle(
        {path: f"a pure file imports {', '.join(found)}" for path, found in unclean.items()},
        impure_exempt,
        "IMPURE_EXEMPT",
    )
    crossings: dict[str, str] = {}
    for file in files:
        module = module_of(file.path)
        for line, name in imports(file.tree, module, file.path.endswith("__init__.py"), modules):
            if name.split(".")[0] == "penstock" and not allowed(module, name, impure):
                crossings[f"{file.path} -> {name}"] = f"line {line}: {area(module)} may not import {name}"
        if file.path != TASKS_HOME:
            lines += [f"{file.path}:{line}: {name} outside core/tasks.py" for line, name in task_calls(file)]
    lines += settle(crossings, import_exempt, "IMPORT_EXEMPT")
    lines += [f"{PACKAGE}/{name}.py: give it a row in MAY_IMPORT" for name in strangers(files)]
    return lines


def strangers(files: list[Source]) -> list[str]:
    """Modules beside the folders that no rule knows."""
    top = [Path(file.path).stem for file in files if file.path.count("/") == 2]
    return [name for name in top if area(f"penstock.{name}") not in MAY_IMPORT and name != "__init__"]


def main() -> int:
    return report(check(), "layers: every import keeps to its floor")


if __name__ == "__main__":
    sys.exit(main())

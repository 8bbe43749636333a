"""What is compiled is there; what would come out the same is left; where nothing can be compiled, it says why."""

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

import compile as compiling


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two files, a list that names one of them, and a compiler that leaves a file for it."""
    source = tmp_path / "src"
    (source / "core").mkdir(parents=True)
    (source / "core" / "hot.py").write_text("x = 1\n")
    (source / "cold.py").write_text("y = 1\n")
    monkeypatch.setattr(compiling, "SOURCE", source)
    monkeypatch.setattr(compiling, "TARGET", tmp_path / "out")
    monkeypatch.setattr(compiling, "STAMP", tmp_path / "out" / "stamp")
    monkeypatch.setattr(compiling, "HOT", ["core/hot"])
    monkeypatch.setattr(compiling.copy, "__defaults__", (source, tmp_path / "out" / "penstock"))

    def run(argv: list[str], *, cwd: Path, check: bool) -> None:
        for name in compiling.HOT:
            (cwd / "penstock" / f"{name}.cpython.so").touch()

    monkeypatch.setattr(subprocess, "run", run)
    return tmp_path


def test_what_is_compiled_is_there() -> None:
    assert sorted(set(compiling.HOT)) == compiling.HOT
    assert [name for name in compiling.HOT if not (compiling.SOURCE / f"{name}.py").is_file()] == []


def test_nothing_is_compiled_twice(tree: Path) -> None:
    assert compiling.make()
    assert not compiling.make()
    (tree / "src" / "page.html").write_text("not code")
    assert not compiling.make()
    assert (tree / "out" / "penstock" / "page.html").read_text() == "not code"
    (tree / "src" / "cold.py").write_text("y = ''\n")  # a type that the compiled file may have counted on
    assert compiling.make()
    assert not compiling.make()


def test_what_is_listed_no_more_is_compiled_no_more(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiling.make()
    monkeypatch.setattr(compiling, "HOT", ["cold"])
    assert compiling.make()
    assert [path.name for path in (tree / "out").rglob("*.so")] == ["cold.cpython.so"]


def test_another_compiler_begins_anew(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiling.make()
    kept = tree / "out" / "build"
    kept.mkdir()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0")
    assert compiling.make()
    assert not kept.exists()


def test_what_failed_is_tried_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(argv: list[str], *, cwd: Path, check: bool) -> None:
        raise subprocess.CalledProcessError(1, argv)

    assert compiling.make()
    (tree / "src" / "cold.py").write_text("y = 2\n")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", fail)
        for _ in range(2):
            with pytest.raises(subprocess.CalledProcessError):
                compiling.make()
    (tree / "src" / "cold.py").write_text("y = 1\n")
    assert compiling.make()  # though what was compiled last was the same


def test_the_copy_follows_its_source_and_keeps_what_is_the_same(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    (source / "sub").mkdir(parents=True)
    (source / "same.py").write_text("1")
    (source / "sub" / "goes.py").write_text("2")
    compiling.copy(source, target)
    (target / "same.so").touch()
    before = (target / "same.py").stat().st_mtime_ns
    (source / "sub" / "goes.py").unlink()
    (source / "sub" / "new.py").write_text("3")
    (source / "same.py").touch()
    compiling.copy(source, target)
    files = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert files == ["same.py", "same.so", "sub/new.py"]
    assert (target / "same.py").stat().st_mtime_ns == before


def test_it_says_why_nothing_can_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(compiling.PURE, raising=False)
    monkeypatch.setenv("CC", "no-such-compiler --fast")
    assert compiling.obstacle() == "there is no C compiler (no-such-compiler)"
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0")
    assert compiling.obstacle() == f"mypy is 0.0 here, and {compiling.pinned('mypy')} in requirements/dev.txt"
    monkeypatch.setenv(compiling.PURE, "1")
    assert compiling.obstacle() == "PENSTOCK_PURE is set"
    assert compiling.main([]) == compiling.CANNOT


@pytest.mark.parametrize(("compiler", "links"), [("true", True), ("false", False)])
def test_files_are_linked_as_one_where_a_probe_is(monkeypatch: pytest.MonkeyPatch, compiler: str, links: bool) -> None:
    monkeypatch.setenv("CC", compiler)
    assert compiling.links_together() is links


@pytest.mark.parametrize(("value", "pure"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_pure_is_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, pure: bool) -> None:
    monkeypatch.setenv(compiling.PURE, value)
    assert compiling.pure() is pure


def test_only_what_is_locked_has_a_version() -> None:
    with pytest.raises(LookupError, match="no-such-package"):
        compiling.pinned("no-such-package")

"""A file with behaviour wants a test of its name; one that only names things does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_pairs import check, says_something
from check_pairs import test_of as wanted_test
from sources import Source


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("src/penstock/wire/sse.py", "tests/wire/test_sse.py"),
        ("src/penstock/providers/local/engine.py", "tests/providers/local/test_engine.py"),
        ("src/penstock/assemble.py", "tests/test_assemble.py"),
        ("tools/lock.py", "tests/tools/test_lock.py"),
    ],
)
def test_names(path: str, test: str) -> None:
    assert wanted_test(path) == test


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ('"""Only words."""', False),
        ("import a\nX = 1\ny: int = 2", False),
        ("class A:\n    x: int = 1", False),
        ("class A(Protocol):\n    def f(self) -> int:\n        return 1", False),
        ("class A:\n    def f(self): ...", False),
        ("class A:\n    def f(self):\n        return 1", True),
        ("def f():\n    print(1)", True),
        ("for x in y:\n    pass", True),
    ],
)
def test_what_wants_a_test(text: str, acts: bool) -> None:
    assert says_something(Source("a.py", text)) is acts


def test_missing_tests_are_told(tmp_path: Path) -> None:
    for name in ("src/penstock/wire/sse.py", "src/penstock/wire/json.py", "tests/wire/test_json.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def f():\n    return 1\n")
    assert check(tmp_path, {}) == ["src/penstock/wire/sse.py: wants tests/wire/test_sse.py"]

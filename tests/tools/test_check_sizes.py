"""What is at the bound passes; one line more does not."""

from __future__ import annotations

import ast

import pytest

from check_sizes import complaints, function_lengths
from sources import Source


@pytest.mark.parametrize(("lines", "told"), [(300, False), (301, True)])
def test_files(lines: int, told: bool) -> None:
    text = '"""Says it."""\n' + "x = 1\n" * (lines - 1)
    assert bool(complaints(Source("src/a.py", text))) is told


@pytest.mark.parametrize(("lines", "told"), [(60, False), (61, True)])
def test_functions(lines: int, told: bool) -> None:
    text = '"""Says it."""\nclass A:\n    async def f(self):\n' + "        x = 1\n" * (lines - 1)
    found = complaints(Source("src/a.py", text))
    assert list(found) == (["src/a.py:A.f"] if told else [])


def test_functions_inside_functions_and_branches_are_measured() -> None:
    text = "if x:\n    def f():\n        def g():\n            return 1\n        return g\n"
    assert function_lengths(ast.parse(text)) == {"f": 4, "f.g": 2}


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("src/a.py", "x = 1\n", True),
        ("src/a.py", '"""' + "line\n" * 8 + '"""\n', False),
        ("src/a.py", '"""' + "line\n" * 9 + '"""\n', True),
        ("src/a.py", "", False),
        ("tests/a.py", "x = 1\n", False),
    ],
)
def test_docstrings(path: str, text: str, told: bool) -> None:
    assert bool(complaints(Source(path, text))) is told

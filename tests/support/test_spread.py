from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.spread import ALONE, in_order, part_of


def test_tests_of_a_file_go_together_and_those_of_some_folders() -> None:
    assert part_of("tests/core/test_reply.py::test_one[a::b]") == "tests/core/test_reply.py"
    assert part_of("tests/edge/test_head.py::test_one") == "tests/edge/test_head.py"
    assert {part_of(f"{folder}test_{name}.py::test_one") for folder in ALONE for name in "ab"} == {""}


def test_those_that_want_to_be_alone_come_last_and_all_else_stays_in_order() -> None:
    names = [f"{ALONE[0]}test_b.py::b", "tests/core/test_b.py::b", "tests/core/test_a.py::a", f"{ALONE[1]}test_a.py::a"]
    items: list[Any] = [SimpleNamespace(nodeid=name) for name in names]
    in_order(items)
    assert [names.index(item.nodeid) for item in items] == [1, 2, 0, 3]


def test_the_folders_are_there(pytestconfig: pytest.Config) -> None:
    assert all(any((pytestconfig.rootpath / folder).glob("test_*.py")) for folder in ALONE)

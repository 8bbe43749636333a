import pytest

from tests.support.spread import TOGETHER, part_of


def test_tests_of_a_file_go_together_and_those_of_some_folders() -> None:
    assert part_of("tests/core/test_reply.py::test_one[a::b]") == "tests/core/test_reply.py"
    assert part_of("tests/edge/test_head.py::test_one") == "tests/edge/test_head.py"
    assert {part_of(f"{folder}test_{name}.py::test_one") for folder in TOGETHER for name in "ab"} == set(TOGETHER)


def test_the_folders_are_there(pytestconfig: pytest.Config) -> None:
    assert all(any((pytestconfig.rootpath / folder).glob("test_*.py")) for folder in TOGETHER)

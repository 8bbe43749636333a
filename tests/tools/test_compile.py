"""The list of what is compiled names files that are there, each once, in order."""

import compile as compiling


def test_what_is_compiled_is_there() -> None:
    assert sorted(set(compiling.HOT)) == compiling.HOT
    assert [name for name in compiling.HOT if not (compiling.SOURCE / f"{name}.py").is_file()] == []

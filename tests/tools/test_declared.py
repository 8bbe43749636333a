"""Each lock's direct requirements come from pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from declared import declared, digest, mark

PYPROJECT = """
[build-system]
requires = ["builder"]
[project]
dependencies = ["core-a"]
[project.optional-dependencies]
local = ["engine"]
encryption = ["cipher"]
redis = ["client"]
forecast = ["numbers"]
keda = ["calls"]
aws = ["cloud"]
cdk = ["kit"]
semantic = ["vectors"]
dev = ["tester"]
"""


def test_the_largest_comes_first_and_holds_the_others(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    locks = declared(tmp_path)
    assert list(locks) == ["dev", "full", "server", "local", "core", "build", "cdk"]
    assert locks["core"] == ["core-a"]
    assert locks["local"] == ["core-a", "engine"]
    assert set(locks["server"]) == {"core-a", "cipher", "client", "numbers"}
    assert set(locks["full"]) == {"core-a", "engine", "cipher", "client", "numbers", "vectors", "calls", "cloud"}
    assert set(locks["dev"]) >= {*locks["local"], *locks["build"], "tester", "cipher", "client", "vectors"}


def test_the_mark_follows_content_and_not_order() -> None:
    assert digest(["a", "b"]) == digest(["b", "a"]) != digest(["a", "c"])
    assert mark(["a"]) == f"# pyproject: {digest(['a'])}"

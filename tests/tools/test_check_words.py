"""Words that tie the project to one registry or machine, and names that say nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from check_words import check, forbidden, hollow_names

REGISTRY = "https://" + "pypi." + "org/simple"
NODE_REGISTRY = "https://registry." + "npmjs." + "org/x.tgz"
HOME = "/" + "home/somebody/x"


@pytest.mark.parametrize("text", [REGISTRY, NODE_REGISTRY, f"see {HOME}", "cd /" + "root/x", "/" + "work/x/y"])
def test_forbidden(text: str) -> None:
    assert [line for line, _ in forbidden(f"fine\n{text}\n")] == [2]


@pytest.mark.parametrize("mark", ["<" * 7, ">" * 7])
def test_what_a_merge_left_is_forbidden(mark: str) -> None:
    assert [line for line, _ in forbidden(f"fine\n{mark} main\nx {mark} main\n{mark}{mark[0]} main\n")] == [2]


@pytest.mark.parametrize(
    "text", ["pip install penstock", "/v1/work/x", "~/work/x", "$HOME/work/x", "/tmp/x", "/homely/x"]
)
def test_allowed(text: str) -> None:
    assert list(forbidden(text)) == []


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("src/penstock/net/utils.py", "", ["utils"]),
        ("src/penstock/net/pool.py", "class PoolManager: ...", ["PoolManager"]),
        ("src/penstock/net/pool.py", "class Pool: ...", []),
    ],
)
def test_hollow_names(path: str, text: str, told: list[str]) -> None:
    assert list(hollow_names(path, ast.parse(text))) == told


def test_environments_caches_and_binaries_are_passed_by(tmp_path: Path) -> None:
    for name in ("env/pyvenv.cfg", "env/a.txt", "node_modules/a.txt", ".mypy_cache/a.txt", ".ci/a.txt", ".git"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(REGISTRY)
    (tmp_path / "image.png").write_bytes(b"\xff\xfe\x00" + REGISTRY.encode())
    assert check(tmp_path) == [".ci/a.txt:1: names a package registry"]

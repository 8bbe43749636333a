"""Each rule of the tree, once kept and once broken, on small trees of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_layers import allowed, check, impurities, task_calls
from sources import Source


def tree(root: Path, **files: str) -> Path:
    """``routing__score="import time"`` becomes src/penstock/routing/score.py."""
    for name, text in files.items():
        path = root / "src/penstock" / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("penstock.core.reply", "penstock.core.call"),
        ("penstock.wire.sse", "penstock.core.errors"),
        ("penstock.net.server", "penstock.core.tasks"),
        ("penstock.routing.stage", "penstock.net.client"),
        ("penstock.routing.stage", "penstock.routing.score"),
        ("penstock.config", "penstock.cache.config"),
        ("penstock.pipeline", "penstock.cache.stage"),
        ("penstock.assemble", "penstock.cache.store"),
        ("penstock.cli.main", "penstock.assemble"),
        ("penstock.cli.explain", "penstock.routing.score"),
        ("penstock.simulate.run", "penstock.routing.score"),
        ("penstock.cli.main", "penstock"),
    ],
)
def test_imports_that_are_allowed(importer: str, imported: str) -> None:
    assert allowed(importer, imported, frozenset())


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("penstock.core.reply", "penstock.wire.sse"),
        ("penstock.wire.sse", "penstock.net.server"),
        ("penstock.net.server", "penstock.wire.sse"),
        ("penstock.net.server", "penstock.routing.score"),
        ("penstock.routing.stage", "penstock.cache.key"),
        ("penstock.routing.stage", "penstock.config"),
        ("penstock.edge.endpoint", "penstock.auth.stage"),
        ("penstock.config", "penstock.cache.key"),
        ("penstock.pipeline", "penstock.cache.store"),
        ("penstock.deploy.nginx", "penstock.routing.score"),
        ("penstock.simulate.run", "penstock.routing.store"),
        ("penstock.cli.main", "penstock.net.client"),
    ],
)
def test_imports_that_are_not(importer: str, imported: str) -> None:
    assert not allowed(importer, imported, frozenset({"penstock.routing.store"}))


def test_a_slice_may_not_reach_into_another_by_any_spelling(tmp_path: Path) -> None:
    tree(
        tmp_path,
        cache__key="x = 1",
        routing__absolute="from penstock.cache.key import x",
        routing__module="from penstock.cache import key",
        routing__relative="from ..cache import key",
        routing__plain="import penstock.cache.key",
        routing__inside="def f():\n    from penstock.cache.key import x",
        routing__typed=("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from penstock.cache.key import x"),
    )
    told = check(tmp_path, {}, {})
    assert len(told) == 6
    assert all("routing may not import penstock.cache.key" in line for line in told)


def test_a_package_may_import_its_own_files_relatively(tmp_path: Path) -> None:
    tree(
        tmp_path, routing__score="x = 1", routing____init__="from .score import x", routing__load="from . import score"
    )
    assert check(tmp_path, {}, {}) == []


@pytest.mark.parametrize(
    "text", ["import asyncio", "import socket", "from time import monotonic", "import http.client"]
)
def test_a_pure_file_does_no_io(tmp_path: Path, text: str) -> None:
    tree(tmp_path, routing__score=text, wire__sse=text)
    assert [line.split(":")[0] for line in check(tmp_path, {}, {})] == [
        "src/penstock/routing/score.py",
        "src/penstock/wire/sse.py",
    ]


def test_rooms_loops_and_stores_may(tmp_path: Path) -> None:
    text = "import asyncio, socket, time"
    tree(tmp_path, routing__stage=text, routing__service=text, routing__store=text, net__server=text, core__clock=text)
    assert check(tmp_path, {}, {}) == []


def test_a_type_is_not_io() -> None:
    text = "import typing\nif typing.TYPE_CHECKING:\n    import asyncio\nelse:\n    import time"
    assert impurities(Source("src/penstock/routing/score.py", text)) == ["time"]


@pytest.mark.parametrize(
    "text",
    ["loop.create_task(x)", "asyncio.ensure_future(x)", "from asyncio import create_task", "asyncio.TaskGroup()"],
)
def test_tasks_are_made_in_one_place(tmp_path: Path, text: str) -> None:
    assert len(list(task_calls(Source("src/penstock/net/server.py", text)))) == 1
    tree(tmp_path, core__tasks=text, net__server=text)
    [told] = check(tmp_path, {}, {})
    assert told.startswith("src/penstock/net/server.py:1:")


def test_a_new_module_beside_the_folders_wants_its_rule(tmp_path: Path) -> None:
    [told] = check(tree(tmp_path, novelty="x = 1", __init__="", config="", assemble_more=""), {}, {})
    assert told == "src/penstock/novelty.py: give it a row in MAY_IMPORT"


def test_an_exemption_must_be_needed(tmp_path: Path) -> None:
    path = "src/penstock/routing/score.py"
    tree(tmp_path, routing__score="import time")
    assert check(tmp_path, {path: "measured"}, {}) == []
    tree(tmp_path, routing__score="")
    [told] = check(tmp_path, {path: "measured"}, {})
    assert "no longer needs its row" in told

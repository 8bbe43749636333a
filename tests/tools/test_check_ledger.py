"""A row that says done must be true; every row must be readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_ledger import LEDGER, check, state_problem

GOOD = "| A-1 | a rule | `routing/score.py` | `cache.exact.ttl`, `upstreams.<name>.weight` | 1h | {test} | done |"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "src/penstock/config.py": 'SLICES = {"cache": "penstock.cache", "upstreams": "penstock.routing"}\n',
        "src/penstock/cache/config.py": "class Exact:\n    ttl: int\n\nclass CacheConfig:\n    exact: Exact\n",
        "src/penstock/routing/config.py": "class Upstream:\n    weight: int\n",
        "src/penstock/routing/score.py": "",
        "tests/routing/test_score.py": "def test_a(): ...\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def told(project: Path, row: str) -> list[str]:
    path = project / LEDGER
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"| id | what | file | config key | default | test | state |\n|---|---|---|---|---|---|---|\n{row}\n"
    )
    return check(project)


@pytest.mark.parametrize("test", ["`routing/test_score.py`", "`routing/test_score.py::test_a`"])
def test_a_true_row_is_silent(project: Path, test: str) -> None:
    assert told(project, GOOD.format(test=test)) == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("routing/score.py`", "routing/none.py`", "A-1: no file routing/none.py"),
        ("cache.exact.ttl", "cache.exact.size", "A-1: no config key cache.exact.size (size)"),
        ("::test_a", "::test_b", "A-1: no test test_b in routing/test_score.py"),
        ("`routing/test_score.py::test_a`", "", "A-1: done without a test"),
        ("routing/test_score.py", "routing/test_none.py", "A-1: no test file routing/test_none.py"),
        ("| done |", "| soon |", "A-1: 'soon' is no state"),
        ("| 1h |", "|", "A-1: 6 columns; 7 are wanted"),
    ],
)
def test_what_is_not_so_is_told(project: Path, before: str, after: str, problem: str) -> None:
    row = GOOD.format(test="`routing/test_score.py::test_a`")
    assert before in row
    assert problem in told(project, row.replace(before, after))


def test_an_id_stands_once_and_an_empty_ledger_is_no_ledger(project: Path) -> None:
    row = GOOD.format(test="`routing/test_score.py`")
    assert told(project, f"{row}\n{row}") == ["A-1: stands twice"]
    assert told(project, "") == [f"{LEDGER}: no rows"]


def test_planned_rows_may_name_what_is_not_there_yet(project: Path) -> None:
    assert (
        told(
            project,
            "| A-1 | a rule | `scaling/later.py` | `scaling.x` | 3 | `scaling/test_later.py` | planned: scaling |",
        )
        == []
    )


@pytest.mark.parametrize(
    ("state", "fine"),
    [
        ("done", True),
        ("done; bounded by bytes instead of items", True),
        ("done;", False),
        ("planned: cache", True),
        ("planned: one day", False),
        ("planned:", False),
        ("not followed: a lock around every stream", True),
        ("not followed:", False),
        ("", False),
    ],
)
def test_states(state: str, fine: bool) -> None:
    assert (state_problem(state) == "") is fine

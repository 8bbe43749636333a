"""Exemptions may only shrink, and only Python files of the project are read."""

from __future__ import annotations

from pathlib import Path

from sources import report, settle, sources


def test_a_complaint_without_exemption_is_told() -> None:
    assert settle({"a.py": "too long"}, {}, "EXEMPT") == ["a.py: too long"]


def test_an_exemption_silences_its_complaint() -> None:
    assert settle({"a.py": "too long"}, {"a.py": "generated"}, "EXEMPT") == []


def test_an_exemption_that_is_no_longer_needed_is_told() -> None:
    [line] = settle({}, {"a.py": "generated"}, "EXEMPT")
    assert line.startswith("a.py: no longer needs its row in EXEMPT")


def test_an_exemption_gives_its_reason() -> None:
    [line] = settle({"a.py": "too long"}, {"a.py": " "}, "EXEMPT")
    assert "gives no reason" in line


def test_reads_python_files_in_order_and_passes_caches_by(tmp_path: Path) -> None:
    for name in ("src/b.py", "src/a/c.py", "src/__pycache__/d.py", "src/note.txt", "other/e.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    assert [source.path for source in sources(["src"], tmp_path)] == ["src/a/c.py", "src/b.py"]


def test_report_turns_complaints_into_an_exit_status() -> None:
    assert (report([], "good"), report(["bad"], "good")) == (0, 1)

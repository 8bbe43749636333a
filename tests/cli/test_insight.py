import json
import random
from pathlib import Path

import pytest

from penstock.cli.insight import read_series, read_windows
from penstock.cli.main import main
from penstock.cli.moments import printed


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    draw = random.Random(5)
    rows = ["timestamp,value"]
    for number in range(2000):
        value = 500 if 1500 <= number < 1505 else draw.gauss(100, 5)
        rows.append(f"{printed(1_700_000_000 + number * 300)},{'' if number == 30 else value}")
    series, windows = tmp_path / "series.csv", tmp_path / "windows.json"
    series.write_text("\n".join(rows) + "\n\n")
    windows.write_text(json.dumps([[printed(1_700_000_000 + 1450 * 300), printed(1_700_000_000 + 1550 * 300)]]))
    return str(series), str(windows)


def test_the_fault_is_found_and_told(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["insight", "evaluate", "--series", files[0], "--windows", files[1]]) == 0
    out = capsys.readouterr().out
    assert "recall 100.0 %" in out
    assert "NAB score, standard profile:" in out
    assert main(["insight", "evaluate", "--series", files[0], "--windows", files[1], "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["windows"], report["found"], report["values"]) == (1, 1, 2000)
    assert report["delay_seconds"] == 50 * 300
    assert report["nab"]["score"] > 40
    assert any(alarm["value"] == 500 and alarm["severity"] == "critical" for alarm in report["alarms"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("timestamp,value\nsoon,1\n", ":2: not timestamp,value"),
        ("1,2,3\n", ":1: not timestamp,value"),
        ("1,x\n", ":1: not timestamp,value"),
        ("inf,1\n", "is no time"),
        ("1,1\n2,2\n", "no series"),
        ("5,1\n4,1\n" + "6,1\n" * 10, "older than the one before"),
    ],
)
def test_a_bad_series_is_refused_with_its_line(
    files: tuple[str, str], tmp_path: Path, text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(text)
    assert main(["insight", "evaluate", "--series", str(bad), "--windows", files[1]]) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("{}", "window 1 is no"),
        ('[["2020-01-01"]]', "window 1 is no"),
        ("[[1, 2], [5, 3]]", "window 2 is no [start, end]: it ends before it begins"),
        ("[[1, 9], [5, 12]]", "windows overlap"),
        ("[[1, true]]", "window 1 is no"),
    ],
)
def test_bad_windows_are_refused(
    files: tuple[str, str], tmp_path: Path, text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    assert main(["insight", "evaluate", "--series", files[0], "--windows", str(bad)]) == 1
    assert complaint in capsys.readouterr().err


def test_files_that_are_not_there_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["insight", "evaluate", "--series", "/none", "--windows", "/none"]) == 1
    assert "/none cannot be read" in capsys.readouterr().err


def test_a_series_without_a_head_and_windows_in_any_order(tmp_path: Path) -> None:
    series, windows = tmp_path / "s", tmp_path / "w"
    series.write_text("1,2\n3,\n")
    windows.write_text("[[7, 8], [1, 2]]")
    times, values = read_series(str(series))
    assert times == [1, 3]
    assert values[0] == 2.0
    assert read_windows(str(windows)) == [(1, 2), (7, 8)]

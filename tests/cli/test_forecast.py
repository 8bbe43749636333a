import json
from pathlib import Path

import pytest

from penstock.cli import forecast
from penstock.cli.failure import Failure
from penstock.cli.forecast import main, minutes_in, read_trace
from tests.scaling.forecast.series import made


def written(tmp_path: Path, rows: list[str]) -> str:
    path = tmp_path / "trace.csv"
    path.write_text("t_seconds,requests_per_second\n" + "\n".join(rows) + "\n")
    return str(path)


def a_trace(tmp_path: Path) -> str:
    return written(tmp_path, [f"{at * 600},{value:.3f}" for at, value in enumerate(made("daily", days=3))])


def test_a_table_says_who_was_how_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "_has_statsmodels", lambda: False)
    assert main(["--trace", a_trace(tmp_path), "--horizons", "10m,1h"]) == 0
    out = capsys.readouterr().out
    assert "10 min" in out
    assert "60 min" in out
    assert "last value" in out
    assert "90 % quantile" in out


def test_json_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "_has_statsmodels", lambda: False)
    page = tmp_path / "page.html"
    assert main(["--trace", a_trace(tmp_path), "--json", "--html", str(page)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["minutes"] for one in told["horizons"]] == [10, 30, 60]
    assert set(told["horizons"][0]["wape"]) == {"penstock", "last value", "seasonal naive", "Kalman trend"}
    assert told["not_installed"] == ["Holt-Winters", "ARIMA"]
    assert page.read_text().count("<svg") == 3


def test_requests_a_row_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text("TIMESTAMP,ContextTokens\n2023-11-16 18:15:46.68,374\n2023-11-16 18:15:50.99,1\n"
                    "2023-11-16 18:15:57,2\n2023-11-16 18:16:07,2\n2023-11-16 18:16:20,2\n")  # fmt: skip
    assert read_trace(str(path), 10.0) == (10.0, [0.2, 0.1, 0.1])


def test_a_missing_row_or_value_is_a_gap(tmp_path: Path) -> None:
    path = written(tmp_path, ["0,1", "600,2", "1200,", "2400,4", "3000,5"])
    assert read_trace(path, None) == (600.0, [1.0, 2.0, None, None, 4.0, 5.0])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0,1", "600,many"], "3: 'many' is no load: a number, 0 or more; a series is CSV"),
        (["0,1", "600"], "3: a value is missing"),
        (["0,1", "noon,2"], "3: 'noon' is no time: seconds, or a date"),
        (["0,1", "600,-2"], "3: '-2' is no load"),
        (["0,1", "600,inf"], "no load"),
        (["600,1", "0,1"], "time goes back"),
        (["0,1", "600,1"], "too few"),
        (["0,1", "0,1", "0,1", "0,1"], "not a step apart"),
        (["0,1", "1,1", "2,1", "9000000,1"], "not a step apart"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(Failure, match=said):
        read_trace(written(tmp_path, rows), None)


def test_what_is_too_short_for_its_horizons_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, [f"{at * 600},1" for at in range(20)])
    with pytest.raises(Failure, match=r"trace\.csv: 20 values are too few"):
        main(["--trace", path, "--horizons", "2h"])
    with pytest.raises(Failure, match="no multiple"):
        main(["--trace", path, "--horizons", "7m"])


@pytest.mark.parametrize(("text", "minutes"), [("90s", 1.5), ("10m", 10.0), ("1h", 60.0), ("5", 5.0)])
def test_horizons(text: str, minutes: float) -> None:
    assert minutes_in(text) == minutes


@pytest.mark.parametrize("text", ["0m", "soon", "-1h", ""])
def test_what_is_no_horizon(text: str) -> None:
    with pytest.raises(Failure, match="no horizon"):
        minutes_in(text)


def test_a_file_that_is_not_there_and_numpy_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        read_trace(str(tmp_path / "none.csv"), None)
    monkeypatch.setattr(forecast.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Failure, match=r"penstock\[forecast\]"):
        main(["--trace", "x"])

import json
from typing import Any

import pytest

from penstock.cli.history import spark
from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]


def answer(*series: dict[str, Any], by: str = "", left_out: int = 0) -> dict[str, Any]:
    return {
        "since": 1_800_000_000.0, "until": 1_800_000_180.0, "step": 60.0, "read": "minute", "by": by,
        "measures": {"calls": {"unit": "calls", "meaning": ""}, "ttft_p95": {"unit": "s", "meaning": ""}},
        "times": [1_800_000_000.0, 1_800_000_060.0, 1_800_000_120.0], "series": list(series), "left_out": left_out,
        "unread": 0,
    }  # fmt: skip


def series(name: str = "") -> dict[str, Any]:
    return {"name": name, "calls": 12, "points": {"calls": [4, None, 8], "ttft_p95": [None, None, 0.12345]}}


def test_a_line_a_measure(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = answer(series())
    assert main(["history", "--measures", "calls,ttft_p95", "--since", "6h", "--until", "5m", *PORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["calls", "measure", "unit", "least", "most", "last"]
    assert lines[1].split() == ["all", "calls", "calls", "4", "8", "8", "▅", "█"]
    assert lines[2].split() == ["all", "ttft_p95", "s", "0.1235", "0.1235", "0.1235", "█"]
    assert lines[4] == "2027-01-15T08:00:00Z to 2027-01-15T08:03:00Z, steps of 60 s"
    question = {"since": "-6h", "until": "-5m", "measures": "calls,ttft_p95"}
    assert gateway.asked == [("leader", {"part": "history", "question": question})]


def test_series_by_model(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = answer(series("a\x1b[31m"), series(""), by="model", left_out=3)
    assert (
        main(["history", "--by", "model", "--top", "2", "--model", "a", "--since", "2027-01-15T08:00:00Z", *PORT]) == 0
    )
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\n-" in out
    assert "3 more series are not shown (--top)" in out
    assert gateway.asked[0][1]["question"] == {
        "since": "2027-01-15T08:00:00Z", "model": "a", "by": "model", "top": "2",
    }  # fmt: skip


def test_csv(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = answer(series("=1+1"), by="model")
    assert main(["history", "--csv", *PORT]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "time,model,calls,ttft_p95", "2027-01-15T08:00:00Z,'=1+1,4,", "2027-01-15T08:01:00Z,'=1+1,,",
        "2027-01-15T08:02:00Z,'=1+1,8,0.12345",
    ]  # fmt: skip


def test_json(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = answer(series())
    assert main(["history", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == answer(series())


@pytest.mark.parametrize(("status", "code"), [(400, 2), (404, 1), (503, 1)])
def test_what_cannot_be_answered(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str], status: int, code: int
) -> None:
    gateway.given["leader"] = {"status": status, "code": "x", "problems": ["the measure 'x' is not known; there are y"]}
    assert main(["history", "--measures", "x", *PORT]) == code
    assert "there are y" in capsys.readouterr().err


def test_blocks() -> None:
    assert spark([0.0, 1.0, None, 8.0]) == "▁▂ █"
    assert spark([None, None]) == "  "
    assert spark([0.0, 0.0]) == "▁▁"
    assert spark([1.0] * 118 + [None] * 3, 60) == "█" * 40 + " "
    assert len(spark([1.0] * 500, 60)) <= 60
    assert spark([]) == ""


def test_csv_holds_nothing_that_a_terminal_would_obey(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["leader"] = answer(series("\t=a\x9b2J\x1b[31m\u202eb"), by="model")
    assert main(["history", "--csv", *PORT]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "2027-01-15T08:00:00Z,' =a 2J [31m b,4,"

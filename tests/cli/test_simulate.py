import json
from pathlib import Path

import pytest

from penstock.cli.main import main

SHORT = [
    "simulate",
    "routing",
    "--upstreams",
    "3",
    "--calls",
    "80",
    "--seeds",
    "2",
    "--policy",
    "adaptive",
    "--policy",
    "random",
]


def test_a_table_of_synthetic_traffic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    out = capsys.readouterr().out
    assert "trace     synthetic" in out
    assert {line.split()[0] for line in out.splitlines()[-2:]} == {"adaptive", "random"}


def test_json_and_a_page_of_a_recorded_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, plots = tmp_path / "t.jsonl", tmp_path / "r.html"
    trace.write_text("\n".join(json.dumps({"at": at / 5, "prompt": 900, "output": 40}) for at in range(100)))
    assert main([*SHORT, "--trace", str(trace), "--goal-first", "0.5", "--json", "--html", str(plots)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["scenario"]["trace"] == "t"
    assert "first token within 0.5 s, mean gap within 100 ms" in told["scenario"]["goal"]
    assert len(told["policies"]["random"]["seeds"]) == 2
    assert 0 <= told["policies"]["adaptive"]["mean"]["goodput"] <= 1
    assert plots.read_text().startswith("<!doctype html>")


def test_an_overload_without_an_end_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "t.jsonl"
    trace.write_text("\n".join(json.dumps({"at": at / 5, "prompt": 60_000, "output": 400}) for at in range(60)))
    assert main([*SHORT, "--trace", str(trace), "--load", "20", "--json"]) == 0
    mean = json.loads(capsys.readouterr().out)["policies"]["random"]["mean"]
    assert mean["failed"] > 0
    assert mean["total_p99"] is None


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), ("{}\n", "no recorded call"), ('{"at": 0, "prompt": 1, "output": 1}\n', "two calls")],
)
def test_what_is_no_trace(content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "t.jsonl"
    if content is not None:
        trace.write_text(content)
    assert main([*SHORT, "--trace", str(trace)]) == 2
    assert said in capsys.readouterr().err


def test_a_page_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--html", str(tmp_path / "none" / "r.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--policy", "best"], ["--upstreams", "0"], ["--load", "-1"], ["--hardware", "odd"]])
def test_wrong_words(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["simulate", "routing", *wrong])
    assert caught.value.code == 2

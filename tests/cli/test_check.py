import json
from pathlib import Path

import pytest

from penstock.cli.main import main

GOLDEN = Path(__file__).parent.parent / "golden" / "config"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-s3cret")
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)


def test_a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(GOLDEN / "example.yaml")
    assert main(["check", file]) == 0
    assert capsys.readouterr().out == f"{file} is good: 4 upstreams, 4 models\n"


def test_warnings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(GOLDEN / "warnings.yaml")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[:3]] == ["warning:"] * 3
    assert out[3].endswith("is good: 1 upstream, 0 models")


def test_a_bad_file_is_a_line_a_problem_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(GOLDEN / "models.yaml")
    assert main(["check", file]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all(line.startswith(f"{file}:") for line in captured.err.splitlines())


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "nowhere.yaml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(("name", "ok"), [("example", True), ("models", False)])
def test_json(name: str, ok: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(GOLDEN / f"{name}.yaml"), "--json"]) == (0 if ok else 2)
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is ok
    assert bool(told["problems"]) is not ok


def test_without_a_file_the_environment_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 0
    assert "openai/*" in json.loads(capsys.readouterr().out)["models"]

import json
from pathlib import Path

import pytest

from penstock.cli.failure import Failure
from penstock.cli.simulate import main

QUICK = ["scaling", "--days", "0.2", "--step", "1m", "--policy", "forecast", "--policy", "kpa"]


def test_a_shape_is_played_and_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main([*QUICK, "--shape", "ramp", "--rate", "100", "--html", str(page)]) == 0
    told = capsys.readouterr().out
    assert "calls a second, at most 18" in told
    assert "ours against it" in told
    assert "<svg" in page.read_text()


def test_a_series_and_recorded_calls_are_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    series = tmp_path / "load.csv"
    series.write_text("time,value\n" + "".join(f"{at * 600},{100 + at}\n" for at in range(30)))
    assert main([*QUICK, "--trace", str(series), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["policies"]) == {"forecast", "kpa"}
    calls = tmp_path / "calls.jsonl"
    calls.write_text("".join(json.dumps({"at": at, "prompt": 100, "output": 10}) + "\n" for at in range(3000)))
    assert main([*QUICK, "--trace", str(calls), "--json", "--step", "10s"]) == 0
    assert "0.8 h in steps of 10 s" in json.loads(capsys.readouterr().out)["scenario"]["load"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--policy", "guess"], "no policy 'guess'"),
        (["--shape", "square"], "is none of daily"),
        (["--trace", "/nowhere.csv"], "cannot be read"),
        (["--learn", "9d"], "are too few to judge"),
        (["--step", "3h", "--days", "9"], "steps of 10800 s are too long"),
    ],
)
def test_what_is_wrong_is_named(wrong: list[str], says: str) -> None:
    with pytest.raises(Failure, match=says) as caught:
        main(["scaling", "--days", "0.2", "--step", "1m", *wrong])
    assert caught.value.status == 2


def test_a_series_that_is_none_is_named_in_this_command_s_name(tmp_path: Path) -> None:
    wrong = tmp_path / "load.csv"
    wrong.write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match=r"load\.csv cannot be read: it is not text"):
        main([*QUICK, "--trace", str(wrong)])
    wrong.write_text("time,value\n0,1\n60,many\n")
    with pytest.raises(Failure, match=r"penstock simulate scaling: .*load\.csv:3: 'many' is no load"):
        main([*QUICK, "--trace", str(wrong)])


def test_its_name_comes_first() -> None:
    with pytest.raises(Failure, match="'scaling' comes before its options"):
        main(["--seed", "1", "scaling"])

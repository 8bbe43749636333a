"""``penstock deploy aws``: what it writes, and what it will not."""

from pathlib import Path

import pytest

from penstock.cli.main import main

CONFIG = """\
upstreams: {up: {kind: openai, base_url: "https://api.example.org/v1", api_key: "${UP_KEY}"}}
models: {m: {upstreams: [up]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "penstock.yaml"
    path.write_text(CONFIG)
    return str(path)


def _run(config: str, out: Path, *more: str) -> int:
    return main(["deploy", "aws", "--config", config, "--out", str(out), "--store", "elasticache", *more])


def test_it_writes_an_app_and_says_what_the_secret_must_have(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(config, tmp_path / "app", "--internal", "--name", "pen") == 0
    said = capsys.readouterr().out
    assert 'the secret "pen/environment" must have: PENSTOCK_KEYS, UP_KEY' in said
    assert (tmp_path / "app" / "image" / "serve.sh").stat().st_mode & 0o111
    assert 'secret_names = ["UP_KEY"]' in (tmp_path / "app" / "settings.toml").read_text()


def test_again_it_leaves_what_others_put_there(config: str, tmp_path: Path) -> None:
    out = tmp_path / "app"
    assert _run(config, out, "--internal") == 0
    (out / "image" / "wheels" / "own.whl").write_text("x")
    assert _run(config, out, "--internal") == 0
    assert (out / "image" / "wheels" / "own.whl").exists()


def test_a_folder_of_others_is_not_written_into(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "mine").touch()
    assert _run(config, tmp_path / "app", "--internal") == 2
    assert "is not empty, and no app of ours" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([], "plain text: pass --certificate ARN, or --internal"),
        (["--internal", "--name", "Pen_1"], "--name Pen_1"),
        (["--internal", "--timeout", "901"], "1 to 900 s"),
        (["--internal", "--variant", "both", "--schedule", "Day=0 7 ? * MON-FRI *=1-2"], "write the schedules into"),
    ],
)
def test_what_does_not_go_together_is_refused(
    config: str, tmp_path: Path, more: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(config, tmp_path / "app", *more) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_a_drain_that_fargate_would_cut_is_refused(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(config).write_text(CONFIG + "listen: {drain: 5m}\n")
    assert _run(config, tmp_path / "app", "--internal", "--variant", "fargate") == 2
    assert "Fargate ends a task 120 s after" in capsys.readouterr().err
    assert _run(config, tmp_path / "app", "--internal", "--variant", "lambda") == 0


@pytest.mark.parametrize("option", ["--concurrency=500-50", "--tasks=0-1", "--schedule=Day=7am=1-2"])
def test_what_is_no_range_is_refused(config: str, tmp_path: Path, option: str) -> None:
    with pytest.raises(SystemExit):
        _run(config, tmp_path / "app", "--internal", option)

import json
from pathlib import Path

import pytest
import yaml

from penstock.cli.main import main
from penstock.config import Config

EXAMPLE = str(Path(__file__).parent.parent / "golden" / "config" / "example.yaml")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-s3cret")


def test_it_prints_every_key_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--config", EXAMPLE]) == 0
    out = capsys.readouterr().out
    assert "s3cret" not in out
    assert yaml.safe_load(out) == Config.load(EXAMPLE, {"OPENAI_API_KEY": "x"}).dump()


def test_what_it_prints_is_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", "-c", EXAMPLE])
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == Config.parse(out, "printed.yaml", {}).dump()


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "-c", EXAMPLE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["listen"]["port"] == 8400


def test_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yaml").write_text("prot: 1")
    assert main(["config", "-c", str(tmp_path / "c.yaml")]) == 2
    assert "unknown key" in capsys.readouterr().err

"""``penstock semantic install``."""

from pathlib import Path

import pytest

from penstock.cli import semantic
from penstock.cli.failure import Failure
from penstock.cli.semantic import WeightsError, main


def test_it_makes_what_is_named_once_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(semantic, "install_weights", lambda name: tmp_path / name)
    assert main(["install"]) == 0
    assert capsys.readouterr().out == f"minilm: {tmp_path}/minilm\n"
    assert main(["install", "static", "minilm", "static"]) == 0
    assert capsys.readouterr().out == f"static: {tmp_path}/static\nminilm: {tmp_path}/minilm\n"


def test_an_unknown_name_is_a_wrong_command_line() -> None:
    with pytest.raises(Failure, match="minilm, static") as caught:
        main(["install", "maxilm"])
    assert caught.value.status == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WeightsError("no way there"), "minilm: no way there"),
        (ModuleNotFoundError(name="numpy"), r"penstock\[semantic\]"),
    ],
)
def test_what_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    def fail(name: str) -> Path:
        raise error

    monkeypatch.setattr(semantic, "install_weights", fail)
    with pytest.raises(Failure, match=words) as caught:
        main(["install"])
    assert caught.value.status == 1

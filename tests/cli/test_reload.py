import json
from pathlib import Path

import pytest

from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway


@pytest.fixture
def gateway(gateway: AskedGateway) -> AskedGateway:
    gateway.given["reload"] = {"ok": True, "problems": []}
    return gateway


def test_taken_over(gateway: AskedGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload", "--port", "9126"]) == 0
    assert capsys.readouterr().out == "the new configuration serves\n"
    (tmp_path / "c.yaml").write_text("listen: {port: 9126}\n")
    assert main(["reload", "-c", str(tmp_path / "c.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": []}


def test_refused(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["reload"] = {"ok": False, "problems": ["c.yaml:1: a", "c.yaml:2: b"]}
    assert main(["reload", "--port", "9126"]) == 2
    assert capsys.readouterr().err == "c.yaml:1: a\nc.yaml:2: b\n(the old configuration keeps serving)\n"
    assert main(["reload", "--port", "9126", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problems"] == ["c.yaml:1: a", "c.yaml:2: b"]


def test_a_file_with_problems_is_refused_before_anybody_is_asked(
    gateway: AskedGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text("listn: {port: 9126}\n")
    assert main(["reload", "-c", str(tmp_path / "c.yaml")]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path}/c.yaml:1: ")


def test_nobody_there(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload"]) == 1
    assert capsys.readouterr().err == "no gateway of this user runs on port 8400; there is one on 9126 (--port)\n"
    gateway.end()
    assert main(["reload", "--port", "9126"]) == 1
    assert capsys.readouterr().err == "no gateway of this user runs on port 9126\n"


def test_a_gateway_that_fails(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["reload"] = ValueError("out of order")
    assert main(["reload", "--port", "9126"]) == 1
    assert "the gateway on port 9126 did not answer: reload: out of order\n" in capsys.readouterr().err


def test_a_socket_that_cannot_be(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp/" + "x" * 99)
    assert main(["reload", "--port", "9126"]) == 1
    assert "cannot be asked: the path /tmp/xxx" in capsys.readouterr().err

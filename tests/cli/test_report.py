import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.cli import report
from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway
from tests.support.gateway import OPEN_ECHO
from tests.support.reports import shown, told
from tests.support.running_gateway import environment, running_gateway

PORT = ["--port", "9126"]


@pytest.fixture
def gateway(gateway: AskedGateway) -> AskedGateway:
    gateway.given["leader"] = told()
    return gateway


def test_for_a_terminal_and_into_a_pipe_without_colour(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--since", "7d", *PORT]) == 0
    assert capsys.readouterr().out == shown()["report.txt"]
    assert gateway.asked == [("leader", {"part": "report", "question": {"since": "7d"}})]


def test_as_json(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == told()
    assert gateway.asked[0][1]["question"] == {"since": "24h"}


def test_as_a_file_of_html(gateway: AskedGateway, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert main(["report", "--html", str(path), *PORT]) == 0
    assert path.read_text(encoding="utf-8") == shown()["report.html"]
    assert capsys.readouterr().out == f"{path} is written\n"
    assert main(["report", "--html", "-", *PORT]) == 0
    assert capsys.readouterr().out == shown()["report.html"]
    assert main(["report", "--html", str(tmp_path / "none" / "x.html"), *PORT]) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_wrong_use(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json", "--html", "x", *PORT]) == 2
    gateway.given["leader"] = {"problems": ["since: from 1m to 90d"], "code": "bad_query"}
    assert main(["report", "--since", "1s", *PORT]) == 2
    assert "from 1m to 90d" in capsys.readouterr().err


def test_of_a_gateway_that_just_began(tmp_path: Path) -> None:
    with running_gateway(tmp_path, OPEN_ECHO + "store: memory\n") as running:
        for command in (["report", "--since", "1h"], ["top", "--once"], ["top", "--url", running.url]):
            port = [] if "--url" in command else ["--port", str(running.port)]
            said = subprocess.run(
                [sys.executable, "-m", "penstock", *command, *port], env=environment(tmp_path), capture_output=True,
                text=True, timeout=60,
            )  # fmt: skip
            assert said.returncode == 0, said.stderr
            assert "0 calls" in said.stdout or "no calls in the last minute" in said.stdout


def test_the_bill_is_told_where_it_can_be(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(report, "COST", "penstock.cli.no_such_report")
    assert main(["report", "--cost"]) == 1
    assert "cannot tell cost" in capsys.readouterr().err
    monkeypatch.setattr(report, "COST", "tests.support.told_cost")
    assert main(["report", "--cost", "--since", "7d"]) == 0
    assert capsys.readouterr().out == "['--since', '7d']\n"

import json
import webbrowser
from pathlib import Path

import pytest

from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]
TOKEN = "t" * 43


@pytest.fixture
def gateway(gateway: AskedGateway) -> AskedGateway:
    gateway.given["ui_link"] = {"ok": True, "link": TOKEN, "seconds": 300.0}
    return gateway


def test_the_token_stands_where_no_browser_sends_it(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", *PORT]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"http://127.0.0.1:9126/ui/login#{TOKEN}"
    assert main(["ui", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == {"link": f"http://127.0.0.1:9126/ui/login#{TOKEN}", "seconds": 300.0}


def test_a_gateway_for_all_is_reached_on_this_machine(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "cert.pem").write_text("x")
    for listen, begins in (
        ("{host: 0.0.0.0}", "http://127.0.0.1:9126/"),
        ("{host: '::1'}", "http://[::1]:9126/"),
        (f"{{tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/cert.pem}}}}", "https://127.0.0.1:9126/"),
    ):
        (tmp_path / "c.yaml").write_text(f"listen: {listen}\n")
        assert main(["ui", "-c", str(tmp_path / "c.yaml"), *PORT]) == 0
        assert capsys.readouterr().out.startswith(begins)


def test_it_is_opened(
    gateway: AskedGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda link: bool(opened.append(link)) or len(opened) == 1)
    assert main(["ui", "--open", *PORT]) == 0
    assert opened == [f"http://127.0.0.1:9126/ui/login#{TOKEN}"]
    assert main(["ui", "--open", *PORT]) == 1
    assert "no browser could be opened" in capsys.readouterr().err


def test_all_sessions_are_ended(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["ui_link"] = {"ok": True, "ended": 1}
    assert main(["ui", "--end", *PORT]) == 0
    assert capsys.readouterr().out == "1 session ended\n"
    assert gateway.asked == [("ui_link", {"end": True})]
    assert main(["ui", "--end", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == {"ended": 1}


def test_without_the_page_there_is_no_link(
    gateway: AskedGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("penstock.cli.ui.find_spec", lambda name: None)
    assert main(["ui", *PORT]) == 1
    assert "no edge/dashboard" in capsys.readouterr().err
    assert gateway.asked == []


def test_nobody_there(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--port", "9127"]) == 1
    assert "no gateway of this user runs on port 9127" in capsys.readouterr().err

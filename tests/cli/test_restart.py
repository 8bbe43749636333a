import json

import pytest

from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway


@pytest.fixture
def gateway(gateway: AskedGateway) -> AskedGateway:
    gateway.given["restart"] = {"ok": True, "workers": 4, "problems": []}
    return gateway


def test_renewed(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restart", "--port", "9126"]) == 0
    assert capsys.readouterr().out == "all 4 workers were renewed; the old ones end with their last calls\n"
    assert main(["restart", "--port", "9126", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "workers": 4, "problems": []}


def test_not_renewed(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["restart"] = {"ok": False, "problems": ["worker 2: the new process ended with status 1"]}
    assert main(["restart", "--port", "9126"]) == 1
    assert capsys.readouterr().err == "worker 2: the new process ended with status 1\n"
    assert main(["restart", "--port", "9126", "--json"]) == 1

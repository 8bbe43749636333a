import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway, asked_gateway


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedGateway]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    with asked_gateway(9123) as gateway:
        gateway.given["restart"] = {"ok": True, "workers": 4, "problems": []}
        yield gateway


def test_renewed(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restart", "--port", "9123"]) == 0
    assert capsys.readouterr().out == "all 4 workers were renewed; the old ones end with their last calls\n"
    assert main(["restart", "--port", "9123", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "workers": 4, "problems": []}


def test_not_renewed(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["restart"] = {"ok": False, "problems": ["worker 2: the new process ended with status 1"]}
    assert main(["restart", "--port", "9123"]) == 1
    assert capsys.readouterr().err == "worker 2: the new process ended with status 1\n"
    assert main(["restart", "--port", "9123", "--json"]) == 1

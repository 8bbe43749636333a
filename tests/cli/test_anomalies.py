import json
from typing import Any

import pytest

from penstock.cli.anomalies import lines
from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]


def anomaly(**facts: Any) -> dict[str, Any]:
    return {
        "id": "a3", "kind": "high_latency", "severity": "high", "measure": "first_token", "start": 1_800_000_000.0,
        "end": None, "cause": "upstream gpu-1: the first token takes 0.8 s", "response": "route_away",
        "contributors": [
            {"dimension": "upstream", "value": "gpu-1", "share": 0.9}, {"dimension": "key", "value": "k", "share": 0.1},
        ],
    } | facts  # fmt: skip


def answer(opened: list[dict[str, Any]], closed: list[dict[str, Any]], enabled: bool = True) -> dict[str, Any]:
    return {"enabled": enabled, "open": opened, "closed": closed}


def test_those_that_last_and_those_that_are_over(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = answer([anomaly()], [anomaly(id="a2", end=1_800_000_060.0, response="")])
    assert main(["insight", "anomalies", "--last", "5", *PORT]) == 0
    assert gateway.asked == [("leader", {"part": "anomalies", "question": {"last": "5"}})]
    shown = capsys.readouterr().out
    assert "a3    2027-01-15 08:00:00 to now" in shown
    assert "to 2027-01-15 08:01:00" in shown
    assert "upstream gpu-1: the first token takes 0.8 s" in shown
    assert "also: key k (10%)" in shown
    assert shown.count("may help: route_away") == 1


def test_as_json(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = answer([], [])
    assert main(["insight", "anomalies", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == answer([], [])


def test_what_a_gateway_refuses_is_told(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = {"status": 400, "problems": ["last must be a number from 0 to 1000"]}
    assert main(["insight", "anomalies", "--last", "9999", *PORT]) == 2
    assert "last must be a number" in capsys.readouterr().err


def test_nothing_and_switched_off_and_hostile_names() -> None:
    assert lines(answer([], [])) == ["Nothing is out of the ordinary."]
    assert "insight.enabled" in lines(answer([], [], enabled=False))[0]
    assert "\x1b" not in "\n".join(lines(answer([anomaly(cause="model \x1b[31mred")], [])))

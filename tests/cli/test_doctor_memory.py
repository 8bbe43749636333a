import json
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.memory.pauses import Pauses
from tests.support.asked_gateway import AskedGateway


def answer(**more: Any) -> dict[str, Any]:
    return {
        "ok": True, "worker": 0, "rss": 100 * 2**20, "share": 0.25,
        "accounts": {"bodies": [2**20, 2**29, 2**21, 3], "connections": [2**14, 2**63 - 1, 2**14, 0]},
        "objects": {"followed": 5, "frozen": 70_000},
        "collector": {**Pauses().dump(0.0), "made": {}, "mood": "relaxed", "frozen": 70_000},
        "leak": {"suspicions": {}, "alarms": {}, "clean_ups": 0, "freed": {}, "last": None},
        "suggestions": [{"about": "pauses", "name": "collector", "text": "have more workers"}],
        "trace": {
            "seconds": 2.0, "cut_short": True, "trace_bytes": 2**20, "types": [["dict", 1200]],
            "sites": [{"bytes": 51_200, "blocks": 9, "held": 60_000, "lines": ["a/b.py:5", "c/d.py:7"]}],
        },
        **more,
    }  # fmt: skip


@pytest.fixture
def gateway(gateway: AskedGateway) -> AskedGateway:
    gateway.given["trace_memory"] = [answer()]
    return gateway


COMMAND = ["doctor", "--memory", "--port", "9126", "--seconds", "2"]


def test_what_grows_is_shown(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(COMMAND) == 0
    told = capsys.readouterr().out
    assert "worker 0: 100.0 MiB resident, 25% of the limit" in told
    assert "bodies             1.0 MiB of 512, highest 2.0, refused 3" in told
    assert "connections        0.0 MiB, highest 0.0" in told
    assert "+50.0 KiB in +9 blocks  a/b.py:5 < c/d.py:7" in told
    assert "cut short" in told
    assert "dict +1,200" in told
    assert "-> have more workers" in told
    assert "none found" in told


def test_a_leak_that_was_found_is_a_failure(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    last = {"name": "memory", "growth": 50 * 2**20, "seconds": 90.0, "calls": 1000}
    leak = {"suspicions": {"memory": 3}, "alarms": {"memory": 1}, "clean_ups": 0, "freed": {}, "last": last}
    gateway.given["trace_memory"] = [answer(leak=leak, trace=None)]
    assert main(COMMAND) == 1
    told = capsys.readouterr().out
    assert "memory (1)" in told
    assert "grew by 50.0 MiB in 90 s, 1,000 calls" in told
    assert main([*COMMAND, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_refused_trace_is_told(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["trace_memory"] = [{"ok": False, "worker": 1, "problems": ["is traced already"]}]
    assert main(COMMAND) == 1
    assert "worker 1: is traced already" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["-1", "301"])
def test_a_trace_has_a_bound(gateway: AskedGateway, seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND[:-1], seconds]) == 1
    assert "--seconds must be from 0 to 300" in capsys.readouterr().err

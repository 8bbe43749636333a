from typing import Any

import pytest

from penstock.cli import parts
from penstock.cli.main import main

PROPOSAL = {
    "id": "p3",
    "type": "explore",
    "priority": "low",
    "safety": "safe",
    "description": "d",
    "setting": "batching.max_wait",
    "value": "5ms",
    "old": "10ms",
    "scope": "",
    "metric": "latency_p95",
    "guard": "",
    "expected": 0.05,
    "because": "it may",
}
TOLD: dict[str, Any] = {
    "mode": "auto",
    "proposals": [PROPOSAL],
    "running": [],
    "settings": [
        {"key": "admission.limit", "value": "80", "before": None, "experiment": "e1", "on": False, "phase": "watched"}
    ],
    "journal": [{"id": "e1", "proposal": PROPOSAL, "state": "kept", "reason": "the effect lasted", "effect": -0.2}],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    questions: list[Any] = []

    def ask(options: Any, name: str, value: Any = None, *, within: float = 120.0) -> Any:
        questions.append((name, value))
        answers = {
            "apply": {"ok": True, "experiment": "e4"},
            "e4/revert": {"ok": True, "reverted": ["e4"]},
            "e9/revert": {"problems": ["nothing of e9 is in force"]},
        }
        return answers.get(value["question"].get("do", ""), TOLD)

    monkeypatch.setattr(parts, "ask_running", ask)
    return questions


def test_the_list_shows_what_is_proposed_in_force_and_tried(
    asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimizer", "--port", "9141"]) == 0  # list goes without saying
    out = capsys.readouterr().out
    for said in ("mode auto", "p3", "10ms -> 5ms", "off for a comparison", "latency_p95 -20.0%", "the effect lasted"):
        assert said in out
    assert asked == [("leader", {"part": "experiments", "question": {"journal": "20"}})]


def test_apply_and_revert(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimizer", "apply", "p3"]) == 0
    assert main(["optimizer", "apply", "admission.limit", "80"]) == 0
    assert main(["optimizer", "revert", "e4"]) == 0
    assert "experiment e4 has begun" in capsys.readouterr().out
    bodies = [question["question"].get("body") for _, question in asked]
    assert bodies == ['{"proposal":"p3"}', '{"setting":"admission.limit","value":"80"}', None]
    assert all(question["question"]["trusted"] is True for _, question in asked)


def test_what_is_refused_is_told(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimizer", "revert", "e9"]) == 2
    assert "nothing of e9" in capsys.readouterr().err

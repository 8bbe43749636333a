import json
from typing import Any

import pytest

from penstock.insight.optimizer.asked import do, told
from tests.insight.optimizer.test_course import valley
from tests.insight.optimizer.tuning import KEY, Bench


def asked(bench: Bench, what: str, body: dict[str, Any] | str = "", **more: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return do(bench.course, {"do": what, "body": text, "by": "ada", "trusted": True, **more}, bench.now)


def test_a_proposal_is_applied_shown_and_taken_back() -> None:
    bench = Bench(valley, mode="suggest")
    bench.step(30)
    proposal = told(bench.course, {})["proposals"][0]
    answer = asked(bench, "apply", {"proposal": proposal["id"]})
    assert answer["ok"]
    shown = told(bench.course, {})
    assert shown["mode"] == "suggest"
    assert [one["id"] for one in shown["running"]] == [answer["experiment"]]
    assert shown["settings"][0]["key"] == KEY
    assert asked(bench, "apply", {"setting": KEY, "value": "20ms"})["status"] == 409
    assert asked(bench, f"{answer['experiment']}/revert") == {"ok": True, "reverted": [answer["experiment"]]}
    assert told(bench.course, {"journal": "1"})["journal"][0]["state"] == "reverted"
    json.dumps(told(bench.course, {}))


def test_taking_back_needs_no_key_and_trying_does() -> None:
    bench = Bench(valley, mode="suggest")
    bench.step(30)
    refused = asked(bench, "apply", {"setting": KEY, "value": "20ms"}, trusted=False)
    assert (refused["status"], refused["code"]) == (403, "permission_denied")
    assert asked(bench, "apply", {"setting": KEY, "value": "20ms"}, trusted="true")["status"] == 403
    begun = asked(bench, "apply", {"setting": KEY, "value": "20ms"})
    assert asked(bench, "revert", {"id": begun["experiment"]}, trusted=False)["ok"]


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("apply", "[", 400),
        ("apply", "[]", 400),
        ("apply", {"proposal": "p9"}, 409),
        ("explode", "", 404),
        ("e9/revert", "", 409),
        ("revert", "", 404),
        ("apply", {"setting": "listen.port", "value": "1"}, 409),
    ],
)
def test_wrong_questions(what: str, body: Any, status: int) -> None:
    answer = asked(Bench(valley), what, body)
    assert answer["status"] == status
    assert answer["problems"]


def test_the_number_of_experiments_is_a_number() -> None:
    assert told(Bench(valley).course, {"journal": "x"})["status"] == 400

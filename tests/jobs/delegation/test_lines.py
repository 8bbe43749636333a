import json
from typing import Any

import pytest

from penstock.jobs.delegation.lines import cheapest, outcome_of, sent_line
from penstock.jobs.lines import read_line
from tests.support.jobs import CHAT, jsonl, line


def test_a_line_goes_by_its_place_and_under_the_models_name_there() -> None:
    sent = json.loads(sent_line(read_line(jsonl(line(5)), 9, CHAT), 8, CHAT, "gpt"))
    assert (sent["custom_id"], sent["body"]["model"], sent["url"]) == ("8", "gpt", CHAT)
    assert sent["body"]["messages"] == line(5)["body"]["messages"]


def back(**told: Any) -> Any:
    return outcome_of(json.dumps(told).encode(), 2, ["a", "b"], "eu", (2e-6, 4e-6))


def test_an_answer_comes_back_under_its_own_name() -> None:
    body = {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    one = back(custom_id="1", response={"status_code": 200, "request_id": "r", "body": body}, error=None)
    assert (one.n, one.custom_id, one.kind, one.upstream, one.micro_dollars) == (1, "b", "ok", "eu", 40)
    assert back(custom_id="0", response={"status_code": 400, "body": {}}).kind == "error"


@pytest.mark.parametrize(
    "told",
    [
        {"custom_id": "0", "response": None, "error": {"code": "batch_expired"}},
        {"custom_id": "0", "response": {"status_code": 429, "body": {}}},
        {"custom_id": "0", "response": {"status_code": 500, "body": {}}},
        {"custom_id": "7", "response": {"status_code": 200, "body": {}}},
        {"custom_id": "-1", "response": {"status_code": 200, "body": {}}},
        {"custom_id": "x", "response": {"status_code": 200, "body": {}}},
        {"response": {"status_code": 200, "body": {}}},
    ],
)
def test_what_the_provider_did_not_do_is_left_to_do(told: dict[str, Any]) -> None:
    assert back(**told) is None


def test_who_is_cheaper() -> None:
    offers = {"own": (1e-6, 1e-6), "eu": (3e-6, 3e-6), "us": (2e-6, 2.5e-6)}
    assert cheapest(offers, ["eu", "us"], 0.5) is None
    assert cheapest(offers, ["eu", "us"], 0.3) == "us"
    assert cheapest({"eu": (1e-6, 1e-6)}, ["eu"], 0.5) == "eu"
    assert cheapest({"eu": (1e-6, 1e-6), "free": (0.0, 0.0)}, ["eu"], 0.5) is None
    assert cheapest({"eu": (0.0, 0.0)}, ["eu"], 0.5) is None
    assert cheapest(offers, ["gone"], 0.1) is None
    assert cheapest({}, [], 0.5) is None

from typing import Any

import pytest

from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.eligible import MOST_MODELS, Eligible
from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.wire.operations import find
from tests.support.flights import asking


def test_a_call_that_may_not_is_told_apart_before_anything_is_digested() -> None:
    one = asking(temperature=0.7)
    assert Eligible(CoalesceConfig(), b"s").key(one) is None
    assert one.asked is None


def test_what_was_digested_is_left_for_others_and_heads_are_read_once() -> None:
    rules, one = Eligible(CoalesceConfig(), b"s"), asking(headers=[(b"x-penstock-cache", b"refresh")])
    key = rules.key(one)
    assert key is not None
    assert key == one.asked.digest + b"r"
    again = asking()
    again.call.memo = one.call.memo
    assert rules.key(again) == key


def test_the_secret_is_in_the_digest() -> None:
    assert Eligible(CoalesceConfig(), b"s").key(asking()) != Eligible(CoalesceConfig(), b"t").key(asking())


def test_a_body_that_cannot_be_told_apart_goes_alone() -> None:
    one = asking()
    one.call.body = b"[" * 100_000
    assert Eligible(CoalesceConfig(), b"s").key(one) is None
    assert one.asked is False


def test_rules_are_remembered_for_so_many_names_only() -> None:
    rules = Eligible(CoalesceConfig(models={"m*": "off", "m-1*": "all"}), b"s")
    for number in range(MOST_MODELS + 10):
        assert (rules.key(asking(model=f"m-{number}")) is None) is not str(number).startswith("1")
    assert len(rules._rules) <= MOST_MODELS


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/files"), ("POST", "/v1/audio/transcriptions")])
def test_what_has_no_json_to_compare_goes_alone_whatever_the_rule(method: str, path: str) -> None:
    body: Any = None
    operation = find(path)
    assert operation is not None
    one = Exchange("req_1", Call(operation, method, path, b"", [], ""), 0.0, 60.0, body)
    assert Eligible(CoalesceConfig(calls="all", effects=True), b"s").key(one) is None


def test_strict_is_what_a_room_may_rely_on() -> None:
    assert Eligible(CoalesceConfig(), b"s").strict
    assert not Eligible(CoalesceConfig(models={"m": "all"}), b"s").strict
    assert not Eligible(CoalesceConfig(calls="all"), b"s").strict

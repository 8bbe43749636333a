from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.eligible import MOST_MODELS, Eligible
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

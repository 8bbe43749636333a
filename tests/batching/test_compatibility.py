"""Which calls may meet. Calls that do, and do not, are in test_stage.py."""

from penstock.batching.compatibility import Compatibility
from penstock.core.exchange import Exchange
from penstock.wire.merged_call import part_of
from tests.support.batches import asking


def key(exchange: Exchange, rules: Compatibility) -> bytes:
    part = part_of(exchange.call)
    assert part is not None
    return rules.key(exchange, part)


def test_whose_they_are() -> None:
    own, everybodys = Compatibility("key"), Compatibility("all")
    first, second = asking("a", key="one"), asking("b", key="two")
    assert key(first, own) != key(second, own)
    assert key(first, everybodys) == key(second, everybodys)


def test_what_of_the_head_shapes_an_answer_is_worked_out_once_a_head() -> None:
    rules = Compatibility("key")
    first = asking("a", headers=[(b"user-agent", b"x")])
    second = asking("b", headers=[(b"user-agent", b"y"), (b"traceparent", b"z")])
    third = asking("c", headers=[(b"idempotency-key", b"1")])
    assert key(first, rules) == key(second, rules) != key(third, rules)
    assert len(first.call.memo) == 1
    assert key(first, rules) == key(first, Compatibility("key"))
    assert len(first.call.memo) == 2  # rules of another configuration keep their own

import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.routing.failure import KINDS, Failure
from penstock.routing.nobody import MOST_NAMED, nobody
from penstock.routing.seats import ill
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from tests.support.targets import ask, call, exchange, target, targets


def entry(*those: Target) -> Entry:
    return Entry("fb-*", those, make_strategy("round_robin"))


def fail(one: Target, kind: str, times: int, after: float | None = None) -> None:
    for _ in range(times):
        made = exchange()
        one.take_seat(made, ask())
        ill(made, Failure(KINDS[kind], after), 0.0)
        made.finish("ok", 0.0)


def test_it_names_each_with_its_state_and_says_when_to_come_back() -> None:
    a, b = targets(1, 1)
    fail(a, "overloaded", 5, after=20.0)
    fail(b, "auth", 1, after=8.0)
    told = nobody(entry(a, b), call(model="fb-what-the-caller-wrote"), 1.0)
    assert isinstance(told, UpstreamError)
    assert told.message == "no upstream of model 'fb-*' can serve now (a: open, b: keys_at_rest)"
    assert (told.status, told.code, told.retryable, told.retry_after) == (503, "no_upstream", True, 7.0)


def test_it_never_says_to_come_back_at_once() -> None:
    one = target("a")
    fail(one, "reset", 5)
    assert nobody(entry(one), call(), 100.0).retry_after == 1.0


def test_of_many_it_names_some() -> None:
    those = [target(f"u{number}") for number in range(MOST_NAMED + 5)]
    for one in those:
        fail(one, "reset", 5)
    assert nobody(entry(*those), call(), 0.0).message.endswith(f"u{MOST_NAMED - 1}: open, and 5 more)")


def test_what_nobody_offers_is_404() -> None:
    with pytest.raises(CallerError) as caught:
        raise nobody(entry(target("a", serves=False)), call(model="m"), 0.0)
    assert (caught.value.status, caught.value.code) == (404, "operation_not_offered")

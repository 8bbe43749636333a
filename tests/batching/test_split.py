"""What becomes of those whose merged call failed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.batching.split import halves, is_for_items, of_answer, of_fail, splits
from penstock.core.errors import CallerError, GatewayError, UpstreamError


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 500])
def test_what_may_be_about_items(status: int) -> None:
    assert is_for_items(status)


@pytest.mark.parametrize("status", [200, 401, 402, 408, 429, 502, 503, 504, 529])
def test_what_is_not(status: int) -> None:
    assert not is_for_items(status)


@given(st.integers(2, 200), st.data())
def test_halving_finds_exactly_the_bad_ones(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=5))
    alone: list[int] = []
    calls = 0

    def ask(members: list[int]) -> None:
        nonlocal calls
        calls += 1
        if len(members) == 1:
            alone.extend(members)
        elif bad & set(members):
            for half in halves(members):
                ask(half)

    ask(list(range(count)))
    assert bad <= set(alone)
    assert calls <= 1 + 2 * math.ceil(math.log2(count)) * max(1, len(bad))
    if not bad:
        assert alone == []


def test_one_bad_one_among_63_costs_twelve_more_calls_at_most() -> None:
    members, calls = list(range(63)), 1
    while len(members) > 1:
        first, second = halves(members)
        assert first + second == members
        calls += 2
        members = first if 40 in first else second
    assert calls <= 13


def test_all_are_told_of_an_answer_in_our_words() -> None:
    fail = of_answer(429, [(b"retry-after", b"3")], "up", 12)
    assert (fail.status, fail.retry_after, fail.retryable, fail.upstream) == (429, 3.0, True, "up")
    assert "12 callers" in fail.message
    assert of_answer(503, [(b"retry-after-ms", b"1500"), (b"retry-after", b"9")], "up", 2).retry_after == 1.5
    for text in (b"tomorrow", b"nan", b"-1", b""):
        assert of_answer(503, [(b"retry-after", text)], "up", 2).retry_after is None
    assert not of_answer(402, [], "up", 2).retryable


def test_of_what_was_raised_only_our_own_words_are_told() -> None:
    ours = UpstreamError("no connection to up", phase="connect")
    theirs = UpstreamError("it said: secret", phase="body", code="upstream_cut")
    assert of_fail(ours).message == "no connection to up"
    assert of_fail(ours) is not ours
    told = of_fail(theirs)
    assert "secret" not in str(told)
    assert "secret" not in told.message
    assert told.code == "upstream_cut"
    assert theirs.message == "it said: secret"
    assert of_fail(GatewayError("full")).message == "full"
    assert of_fail(CallerError("unknown model", status=404)).status == 404


def test_an_error_event_is_as_an_error_answer() -> None:
    assert splits(UpstreamError("x", code="upstream_error_event"))
    assert not splits(UpstreamError("x", phase="connect"))

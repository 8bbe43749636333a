from typing import Any

import pytest

from penstock.coalesce.replies import PENDING, reply_for, strips, wants_other
from penstock.core.errors import UpstreamError
from penstock.core.reply import Reply, Whole
from tests.support.flights import asking


class Reader:
    """As much of one as is looked at."""

    other = False
    exchange = asking()


@pytest.mark.parametrize(
    ("asked", "flight", "reply", "other"),
    [
        (False, False, Reply(200, [], b""), False),
        (True, True, Reply(200, [], b"", events=True), False),
        (False, True, Reply(200, [], b"", events=True), True),
        (False, True, Reply(200, [], b""), False),
        (True, False, Reply(200, [], b""), True),
        (True, False, Reply(404, [], b""), False),
        (True, False, Reply(200, [], b"", events=True), False),
    ],
)
def test_who_wants_it_told_the_other_way(asked: bool, flight: bool, reply: Reply, other: bool) -> None:
    assert wants_other(asking(stream=asked).call, asking(stream=flight).call, reply) is other


def test_from_whom_usage_is_withheld() -> None:
    events = Reply(200, [], b"", events=True)
    assert strips(asking(stream=True).call, events)
    assert not strips(asking(stream=True, stream_options={"include_usage": True}).call, events)
    assert not strips(asking("messages", stream=True).call, events)
    assert not strips(asking().call, Reply(200, [], b""))


def test_each_gets_a_reply_or_an_error_of_its_own() -> None:
    one: Any = Reader()
    error = UpstreamError("down", retry_after=2)
    assert reply_for(one, None, None, None) == PENDING
    told = reply_for(one, None, None, error)
    assert isinstance(told, UpstreamError)
    assert told is not error
    assert (told.message, told.retry_after) == ("down", 2)
    live = Reply(200, [], Whole(b"x"), events=True)
    live.length = 9
    own = reply_for(one, live, None, None)
    assert isinstance(own, Reply)
    assert (own.body, own.length, own.events) == (one, 9, True)
    whole = reply_for(one, Reply(201, [], b"body"), None, None)
    assert isinstance(whole, Reply)
    assert (whole.status, whole.body) == (201, b"body")

import pytest

from penstock.admission.refusal import LONGEST_SECONDS, SHORTEST_SECONDS, SPREAD, refusal
from penstock.core.priority import BATCH, NORMAL
from penstock.wire.errors import error_headers


def least(low: float, high: float) -> float:
    return low


def most(low: float, high: float) -> float:
    return high


@pytest.mark.parametrize("reason", ["full", "late", "timeout", "shed", "pressure"])
def test_where_there_is_no_room_it_is_503_and_ours(reason: str) -> None:
    fail = refusal(reason, NORMAL, "for an upstream", 3.0, least)
    assert (fail.status, fail.fault, fail.retryable, fail.phase) == (503, "gateway", True, "queue")
    assert fail.code == ("gateway_overloaded" if reason == "pressure" else f"queue_{reason}")


@pytest.mark.parametrize("reason", ["share", "crowd"])
def test_where_a_key_has_more_than_its_share_it_is_429_and_the_callers(reason: str) -> None:
    fail = refusal(reason, NORMAL, "at the door", 3.0, least)
    assert (fail.status, fail.fault, fail.code, fail.retryable) == (429, "caller", "queue_share", True)
    assert "at the door" in fail.message


def test_when_to_come_back_is_the_wait_and_a_part_more() -> None:
    assert refusal("full", NORMAL, "", 10.0, least).retry_after == 10.0
    assert refusal("full", NORMAL, "", 10.0, most).retry_after == 10.0 * SPREAD
    assert refusal("full", NORMAL, "", 0.0, least).retry_after == SHORTEST_SECONDS
    assert refusal("full", NORMAL, "", 1e9, least).retry_after == LONGEST_SECONDS


def test_the_caller_is_told_in_the_head() -> None:
    told = dict(error_headers(refusal("late", NORMAL, "for an upstream", 12.34, least)))
    assert (told[b"retry-after"], told[b"x-should-retry"]) == (b"13", b"true")


def test_the_message_says_what_and_how_long() -> None:
    assert "about 12.3 s" in refusal("late", NORMAL, "for an upstream", 12.34, least).message
    assert "class batch" in refusal("pressure", BATCH, "", 0.0, least).message

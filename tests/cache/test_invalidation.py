"""The rules in their order, and the TTL above all of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.config import InvalidationConfig
from penstock.cache.invalidation import REASONS, verdict
from tests.support.caching import WALL, entry

RULES = InvalidationConfig()
HOUR, DAY = 3600.0, 86400.0
YEAR = WALL + 365 * DAY


@pytest.mark.parametrize(
    ("age", "accesses", "read", "confidence", "reason"),
    [
        (DAY - 1, 0, None, 0.0, ""),  # not old enough to be looked at
        (2 * DAY, 0, None, 0.0, ""),  # nothing speaks against it
        (2 * DAY, 0, None, 1.0, ""),
        (7 * DAY + 1, 0, None, 0.0, "unread"),  # never read: counts from its creation
        (8 * DAY, 5, 7 * DAY, 0.0, ""),
        (8 * DAY, 5, 7 * DAY + 1, 0.0, "unread"),
        (8 * DAY, 5, HOUR, 0.0, ""),
        (30 * DAY + 1, 5, HOUR, 0.0, "oldest"),
        (30 * DAY, 5, HOUR, 0.0, ""),
        (40 * DAY, 101, HOUR, 0.0, ""),  # popular, and lately: the first rule decides
        (40 * DAY, 100, HOUR, 0.0, "oldest"),  # more than 100
        (40 * DAY, 101, DAY + 1, 0.0, "oldest"),  # not lately
        (40 * DAY, 101, 8 * DAY, 0.0, "unread"),  # before its age
        (71 * HOUR, 0, None, 0.91, ""),
        (40 * DAY, 5, HOUR, 1.0, "oldest"),  # confidence keeps for 72 h only
    ],
)
def test_rules(age: float, accesses: int, read: float | None, confidence: float, reason: str) -> None:
    now = WALL + age
    one = entry(expires=YEAR, accesses=accesses, confidence=confidence, accessed=0.0 if read is None else now - read)
    assert verdict(one, RULES, now) == reason


@settings(deadline=None)
@given(st.floats(0, 100 * DAY), st.integers(0, 1000), st.floats(0, 100 * DAY), st.floats(0, 1), st.floats(1, 50 * DAY))
def test_nothing_outlives_its_ttl(age: float, accesses: int, read: float, confidence: float, ttl: float) -> None:
    now = WALL + age
    one = entry(expires=WALL + ttl, accesses=accesses, confidence=confidence, accessed=now - read)
    found = verdict(one, RULES, now)
    assert found in ("", *REASONS)
    assert (found == "expired") == (now >= WALL + ttl)


def test_confidence_holds_off_the_week_without_a_reader() -> None:
    rules = InvalidationConfig(unread=DAY, max_age=0)
    assert verdict(entry(expires=YEAR, confidence=0.95), rules, WALL + 71 * HOUR) == ""
    assert verdict(entry(expires=YEAR, confidence=0.9), rules, WALL + 71 * HOUR) == "unread"
    assert verdict(entry(expires=YEAR, confidence=0.95), rules, WALL + 72 * HOUR) == "unread"


def test_a_clock_that_was_set_back_prolongs_nothing() -> None:
    one = entry(created=WALL + 301, expires=WALL + 3901)
    assert verdict(one, RULES, WALL) == "expired"
    assert verdict(one, RULES, WALL + 1) == ""  # another gateway's clock is a little ahead

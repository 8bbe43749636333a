"""It opens on failures, lets one trial through, and waits longer each time."""

from penstock.cache.embedding.breaker import FAILURES, FIRST, LONGEST, Breaker


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    assert breaker.ill(now, hung=True)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        assert not breaker.ill(0.0)
        assert breaker.may(0.0)
    breaker.well()
    for _ in range(FAILURES - 1):
        assert not breaker.ill(0.0)
    assert breaker.ill(0.0)
    assert not breaker.may(0.0)


def test_one_hang_opens_it() -> None:
    assert not opened().may(FIRST - 0.01)


def test_one_text_is_the_trial() -> None:
    breaker = opened()
    assert breaker.may(FIRST)
    assert breaker.state == "trial"
    assert not breaker.may(FIRST + 1000)
    breaker.well()
    assert breaker.may(FIRST)
    assert breaker.state == "closed"


def test_a_failed_trial_doubles_the_pause_up_to_a_bound() -> None:
    breaker, now, pause = opened(), 0.0, FIRST
    for _ in range(12):
        assert not breaker.may(now + pause - 0.01)
        now += pause
        assert breaker.may(now)
        assert breaker.ill(now)
        pause = min(2 * pause, LONGEST)
    assert breaker.openings == 13


def test_what_was_under_way_before_it_opened_does_not_close_it() -> None:
    breaker = opened()
    breaker.well()
    assert breaker.state == "open"
    assert not breaker.ill(1.0)

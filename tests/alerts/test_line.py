import pytest

from penstock.alerts.book import News
from penstock.alerts.line import Line
from penstock.core.alert import Severity
from tests.support.alerts import news


def line(floor: Severity = "low", **terms: object) -> Line:
    made = Line(lambda low, high: 1.0)
    made.follow(floor, **terms)  # type: ignore[arg-type]
    return made


def taken(made: Line, now: float = 0.0) -> News:
    found = made.next(now)
    assert found is not None
    return found


def test_news_go_in_order() -> None:
    made = line()
    for id in ("a", "b"):
        made.offer(news(id=id))
    for id in ("a", "b"):
        one = taken(made)
        assert one.alert.id == id
        made.sent(one)
    assert made.next(0.0) is None
    assert made.results["sent"] == 2


@pytest.mark.parametrize(("severity", "waits"), [("low", 0), ("medium", 0), ("high", 1), ("critical", 1)])
def test_what_is_less_severe_is_passed_over(severity: Severity, waits: int) -> None:
    made = line("high")
    made.offer(news(severity=severity))
    assert made.waiting == waits


def test_the_end_of_what_was_once_severe_enough_is_told() -> None:
    made = line("high")
    made.offer(News("closed", news("closed", severity="low").alert, "critical"))
    assert made.waiting == 1


def test_of_one_alert_only_the_newest_waits() -> None:
    made = line()
    made.offer(news("opened", severity="high"))
    made.offer(news("raised", severity="critical"))
    one = taken(made)
    assert (one.what, one.worst, made.waiting) == ("opened", "critical", 1), "nobody was told that it opened"
    made.offer(news("closed"))
    assert taken(made).what == "closed"
    assert made.waiting == 1


def test_what_became_newer_while_it_was_posted_is_posted_next() -> None:
    made = line()
    made.offer(news("opened"))
    first = taken(made)
    made.offer(news("closed"))
    made.sent(first)
    assert taken(made).what == "closed"


def test_without_closing_the_end_is_not_told_and_nothing_of_it_stays() -> None:
    made = line(closing=False)
    made.offer(news("closed"))
    assert made.waiting == 0
    made.offer(news("opened"))
    made.offer(news("closed"))
    assert (made.waiting, made.results["dropped"]) == (0, 1)


def test_when_it_is_full_the_oldest_goes() -> None:
    made = line(most=2)
    for id in ("a", "b", "c"):
        made.offer(news(id=id))
    assert (made.waiting, made.results["dropped"]) == (2, 1)
    assert taken(made).alert.id == "b"


def test_it_is_tried_again_with_doubling_pauses_then_given_up() -> None:
    made = line(tries=4)
    made.offer(news())
    made.offer(news(id="b"))
    now, pauses = 0.0, []
    for _ in range(4):
        made.failed(taken(made, now), "it is down", now)
        pauses.append(made.until - now)
        assert made.next(made.until - 0.01) is None
        now = max(now, made.until)
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert (made.results["retried"], made.results["failed"], made.waiting) == (3, 1, 1)
    assert taken(made, now).alert.id == "b"
    assert made.trouble == "it is down"
    made.sent(taken(made, now + 1))
    assert made.trouble == ""


def test_a_receiver_may_say_how_long_to_wait_but_not_for_ever() -> None:
    made = line()
    made.offer(news())
    made.failed(taken(made), "429", 0.0, after=30.0)
    assert made.until == 30.0
    made.failed(taken(made, 30.0), "429", 30.0, after=1e9)
    assert made.until == 630.0


def test_what_is_refused_is_not_tried_again() -> None:
    made = line()
    made.offer(news())
    made.refused(taken(made), "it answered 404")
    assert (made.waiting, made.results["refused"], made.until) == (0, 1, 0.0)


def test_its_pace_is_bounded() -> None:
    made = line(rate=60, most=1000)
    for number in range(100):
        made.offer(news(id=f"a{number}"))
    sent = 0
    for tick in range(401):  # 100 s, four times a second
        while (one := made.next(tick / 4)) is not None:
            made.sent(one)
            sent += 1
        if tick == 0:
            assert sent == 10, "a few at once"
        if tick == 40:
            assert sent == 20, "then one a second"
    assert sent == 100


def test_one_post_at_a_time() -> None:
    made = line()
    made.offer(news())
    made.busy = True
    assert made.next(0.0) is None

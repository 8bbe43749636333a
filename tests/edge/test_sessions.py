import itertools

from penstock.edge.sessions import LASTS_SECONDS, LINK_SECONDS, MOST_LINKS, MOST_SESSIONS, Desk, Sessions


def desk() -> Desk:
    numbers = itertools.count()
    return Desk(lambda size: next(numbers).to_bytes(size, "big"))


def test_a_token_names_its_session_until_its_time_is_over() -> None:
    made = desk()
    token, session = made.open("key-a", True, 100.0)
    copy = Sessions()
    copy.replace(made.rows(100.0))
    assert copy.find(token.encode(), 100.0) == session
    assert copy.find(token.encode(), 100.0 + LASTS_SECONDS - 1) == session
    assert copy.find(token.encode(), 100.0 + LASTS_SECONDS) is None
    assert copy.find(token.encode()[:-1] + b"x", 100.0) is None
    assert made.rows(100.0 + LASTS_SECONDS) == []


def test_the_token_is_kept_nowhere() -> None:
    made = desk()
    token, _ = made.open("key-a", True, 0.0)
    link = made.link(0.0)
    assert token not in repr(made.rows(0.0)) + repr(vars(made))
    assert link not in repr(vars(made))


def test_log_out_ends_one_session_and_no_other() -> None:
    made = desk()
    (one, _), (_, other) = made.open("key-a", True, 0.0), made.open("key-a", True, 0.0)
    assert made.close(one)
    assert not made.close(one)
    assert made.rows(0.0) == [other]


def test_of_too_many_the_oldest_goes() -> None:
    made = desk()
    opened = [made.open("key-a", True, 0.0)[1] for _ in range(MOST_SESSIONS + 3)]
    assert made.rows(0.0) == opened[3:]


def test_a_link_is_good_once_and_for_a_while() -> None:
    made = desk()
    link = made.link(0.0)
    assert made.redeem(link, LINK_SECONDS - 1)
    assert not made.redeem(link, LINK_SECONDS - 1)
    assert not made.redeem(made.link(0.0), LINK_SECONDS)
    assert not made.redeem("", 0.0)


def test_of_too_many_links_the_oldest_goes() -> None:
    made = desk()
    links = [made.link(0.0) for _ in range(MOST_LINKS + 1)]
    assert [made.redeem(link, 0.0) for link in links] == [False] + [True] * MOST_LINKS


def test_all_end_at_once_links_too() -> None:
    made = desk()
    made.open("key-a", True, 0.0)
    link = made.link(0.0)
    assert made.close_all() == 1
    assert made.rows(0.0) == []
    assert not made.redeem(link, 0.0)

from penstock.alerts import book as module
from penstock.alerts.book import Book
from penstock.core.alert import Alert
from tests.support.alerts import OPENED, alert


def whats(book: Book, one: Alert, after: float = 0.0) -> list[str]:
    return [news.what for news in book.tell(one, OPENED + after)]


def test_it_opens_and_closes_once() -> None:
    book = Book()
    assert whats(book, alert()) == ["opened"]
    assert whats(book, alert()) == [], "told again, it is no news"
    assert [one.id for one in book.open_ones()] == ["a1"]
    assert whats(book, alert(closed=60.0), 60) == ["closed"]
    assert whats(book, alert(closed=60.0), 61) == []
    assert book.open_ones() == []
    assert [one.closed for one in book.closed_ones(10)] == [OPENED + 60]


def test_what_changes_is_known_but_only_worse_is_news() -> None:
    book = Book()
    book.tell(alert(severity="medium"), OPENED)
    assert whats(book, alert(severity="low", text="less")) == []
    assert book.open_ones()[0].text == "less"
    (raised,) = book.tell(alert(severity="critical"), OPENED)
    assert (raised.what, raised.worst) == ("raised", "critical")
    assert whats(book, alert(severity="high")) == []
    (closed,) = book.tell(alert(severity="low", closed=5.0), OPENED)
    assert closed.worst == "critical", "who was told that it is critical is told that it is over"


def test_another_alert_under_the_same_id_ends_the_first() -> None:
    book = Book()
    book.tell(alert(), OPENED)
    other = book.tell(alert(opened=OPENED + 100, name="other"), OPENED + 100)
    assert [(news.what, news.alert.opened) for news in other] == [("closed", OPENED), ("opened", OPENED + 100)]
    assert other[0].key != other[1].key


def test_one_that_is_told_when_it_is_over_was_open() -> None:
    assert whats(Book(), alert(closed=1.0), 1) == ["opened", "closed"]


def test_what_flaps_is_told_once_until_it_lasts() -> None:
    book = Book(repeat=300.0)
    whats(book, alert("a1"))
    whats(book, alert("a1", closed=10.0), 10)
    assert whats(book, alert("a2", opened=OPENED + 20), 20) == []
    assert len(book.open_ones()) == 1
    assert whats(book, alert("a2", "critical", opened=OPENED + 20), 25) == [], "nor that it grew worse"
    assert whats(book, alert("a2", opened=OPENED + 20, closed=30.0), 30) == [], "nor is its end"
    assert whats(book, alert("a3", opened=OPENED + 40), 40) == []
    assert book.due(OPENED + 329) == []
    (lasting,) = book.due(OPENED + 330)
    assert (lasting.what, lasting.alert.id) == ("opened", "a3")
    assert book.due(OPENED + 999) == []
    assert whats(book, alert("a3", opened=OPENED + 40, closed=999.0), 999) == ["closed"]


def test_the_same_trouble_elsewhere_does_not_flap() -> None:
    book = Book()
    whats(book, alert("a1"))
    whats(book, alert("a1", closed=10.0), 10)
    assert whats(book, alert("a2", opened=OPENED + 20, facts={"upstream": "gpu-2"}), 20) == ["opened"]
    assert whats(book, alert("a3", opened=OPENED + 20, name="error_burst"), 20) == ["opened"]
    assert whats(book, alert("a4", opened=OPENED + 311), 311) == ["opened"]


def test_who_told_it_may_go_on_writing_to_it() -> None:
    book = Book()
    one = alert()
    book.tell(one, OPENED)
    one.severity = "critical"
    assert book.open_ones()[0].severity == "high"
    assert whats(book, one) == ["raised"]


def test_it_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    monkeypatch.setattr(module, "MOST_SUBJECTS", 2)
    book = Book(keep=2)
    for number in range(6):
        book.tell(alert(f"a{number}", name=f"n{number}"), OPENED + number)
    assert {one.id for one in book.open_ones()} == {"a3", "a4", "a5"}
    assert [one.id for one in book.closed_ones(10)] == ["a2", "a1"]
    book.resize(1)
    assert [one.id for one in book.closed_ones(10)] == ["a2"]
    assert book.closed_ones(0) == []


def test_open_ones_are_shown_the_worst_first_then_the_newest() -> None:
    book = Book()
    for id, severity, opened in (("a", "low", 1), ("b", "critical", 2), ("c", "high", 3), ("d", "critical", 4)):
        book.tell(alert(id, severity, name=id, opened=OPENED + opened), OPENED)  # type: ignore[arg-type]
    assert [one.id for one in book.open_ones()] == ["d", "b", "c", "a"]
    assert book.counts() == {"low": 1, "medium": 0, "high": 1, "critical": 2}
    assert book.opened == {"low": 1, "medium": 0, "high": 1, "critical": 2}


def test_it_knows_what_it_was_told() -> None:
    book = Book()
    book.tell(alert("open"), OPENED)
    book.tell(alert("closed", closed=1.0), OPENED)
    assert book.knows(alert("open"))
    assert book.knows(alert("closed"))
    assert not book.knows(alert("open", opened=1.0))
    assert not book.knows(alert("other"))


def test_what_was_before_is_older() -> None:
    book = Book()
    book.tell(alert("new", closed=9.0), OPENED)
    book.restore([alert("old", closed=1.0), alert("later", closed=2.0)])
    assert [one.id for one in book.closed_ones(10)] == ["new", "later", "old"]

from penstock.core.marks import MOST_SPANS, Marks, Span


def test_each_mark_ends_what_began_with_the_one_before() -> None:
    marks = Marks(10.0)
    marks.mark("imports", 10.3)
    marks.add([Span("beside", 10.1, 10.2, "failed")])
    marks.mark("store", 10.4)
    assert marks.spans == [
        Span("imports", 10.0, 10.3), Span("beside", 10.1, 10.2, "failed"), Span("store", 10.3, 10.4),
    ]  # fmt: skip
    assert marks.rows()[1] == ["beside", 10.1, 10.2, "failed"]


def test_they_are_bounded() -> None:
    marks = Marks(0.0)
    for turn in range(MOST_SPANS + 10):
        marks.mark("again", float(turn))
    assert len(marks.spans) == MOST_SPANS

from penstock.cli.paint import Paint
from penstock.cli.waterfall import WIDTH, lines, rows
from penstock.core.marks import Span

TOLD = rows(
    100.0,
    [Span("interpreter", 100.0, 100.05), Span("code loaded", 100.05, 100.2)],
    {0: [Span("task connections", 100.25, 100.45, "not done within 0.2 s")], 1: [Span("rooms made", 100.2, 100.25)]},
)


def test_spans_of_all_processes_stand_in_the_order_of_their_beginnings() -> None:
    assert [(row["where"], row["name"], row["at_ms"], row["took_ms"]) for row in TOLD] == [
        ("", "interpreter", 0.0, 50.0),
        ("", "code loaded", 50.0, 150.0),
        ("worker 1", "rooms made", 200.0, 50.0),
        ("worker 0", "task connections", 250.0, 200.0),
    ]
    assert [row.get("how") for row in TOLD] == [None, None, None, "not done within 0.2 s"]


def test_each_bar_lies_where_its_span_did() -> None:
    drawn = lines(TOLD, Paint(False))
    starts = [line.index("█") for line in drawn]
    assert starts == sorted(starts)
    assert drawn[3].count("█") == round(200 / 450 * WIDTH)
    assert drawn[0].startswith("  interpreter")
    assert drawn[3].endswith("not done within 0.2 s")
    assert "\x1b[" in lines(TOLD, Paint(True))[0]
    assert lines([], Paint(False)) == []

import re
from html.parser import HTMLParser
from typing import Any

from penstock.cli.report_page import page
from tests.support.reports import EVIL, GOLDEN, shown, told

TAGS = {
    "html", "meta", "title", "style", "main", "h1", "h2", "h3", "section", "p", "div", "table", "thead", "tbody", "tr",
    "th", "td", "svg", "text", "line", "polyline", "ul", "li", "code",
}  # fmt: skip


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.points: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.points += [value or "" for name, value in attrs if name == "points"]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_golden() -> None:
    assert shown()["report.html"] == (GOLDEN / "report.html").read_text(encoding="utf-8")


def test_what_others_wrote_is_text_wherever_it_stands() -> None:
    seen = Seen(page(told()))
    assert seen.tags == TAGS
    assert seen.open == []
    assert not {name for name in seen.attributes if name.startswith("on") or name in ("href", "src")}
    assert seen.text.count("<script>alert(1)</script>") == 5  # as a model, a key, a tag, in an alert, in an anomaly
    assert {sign for sign in seen.text if not sign.isprintable()} == {"\n"}


def test_every_text_may_be_hostile() -> None:
    def evil(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: evil(one) for name, one in value.items()}
        if isinstance(value, list):
            return [evil(one) for one in value]
        return EVIL + "</p><img src=x onerror=alert(1)>" if isinstance(value, str) else value

    bad = evil(told())
    for name in ("bottlenecks", "alerts", "anomalies"):
        for row in bad[name]:
            row["severity"] = "high"
    seen = Seen(page(bad))
    assert seen.tags <= TAGS
    assert "<img src=x onerror=alert(1)>" in seen.text


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page(told())
    assert not re.search(r"""(?:src|href)=|url\(|@import|<script|<link|javascript:""", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme:dark" in text
    assert len(text) < 100_000


def test_a_gap_in_a_curve_is_a_gap_and_a_lone_point_is_seen() -> None:
    values: list[float | None] = [1.0, 2.0, None, None, 1.5, None, 3.0, 3.0]
    curve = {"name": "calls", "unit": "a second", "start": 0.0, "since": 40.0, "step": 10.0, "values": values}
    seen = Seen(page({**told(), "curves": [curve]}))
    assert [len(points.split()) for points in seen.points] == [2, 2, 2, 2]
    for points in seen.points:
        assert all(0 <= float(number) <= 440 for point in points.split() for number in point.split(","))


def test_what_is_absent_has_no_section() -> None:
    text = page({**told(), "anomalies": None, "curves": [], "absent": {"anomalies": "not installed"}})
    assert "<h2>Anomalies</h2>" not in text
    assert "<h2>Curves</h2>" not in text
    assert "anomalies: not installed" in text

from html.parser import HTMLParser

from penstock.scaling.forecast.backtest import backtest
from penstock.scaling.forecast.page import page
from tests.scaling.forecast.series import made


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def test_a_plot_a_horizon_broken_where_nothing_came_and_no_name_becomes_markup() -> None:
    values: list[float | None] = [float(value) for value in made("daily", days=3)]
    values[300:305] = [None] * 5
    text = page("<script>alert(1)</script>.csv", backtest(values, 600.0, [10, 30], ["last value"], lambda: 0.0))
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.seen
    assert tags.seen.count("svg") == 2
    assert text.count('class="came"') == 4, "each curve in two pieces"
    assert "nan" not in text

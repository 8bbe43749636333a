import textwrap
from typing import Any

import pytest

from penstock.cli.paint import Paint, columns
from penstock.cli.report_text import lines
from tests.support.reports import GOLDEN, shown, told

PLAIN = Paint(False)


def test_golden() -> None:
    assert shown()["report.txt"] == (GOLDEN / "report.txt").read_text(encoding="utf-8")


def test_it_fits_80_columns_but_for_lines_that_are_copied() -> None:
    copied = {row["action"] for row in told()["bottlenecks"]}
    copied |= {action["config"] for row in told()["recommendations"] for action in row["actions"]}
    for line in lines(told(), PLAIN):
        assert columns(line) <= 80 or line.strip() in copied, line


def test_names_that_others_chose_cannot_reach_the_terminal() -> None:
    assert all(sign.isprintable() for line in lines(told(), PLAIN) for sign in line)
    coloured = "".join(lines(told(), Paint(True)))
    for code in ("1", "2", "31", "32", "33", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert "\x1b" not in coloured


def test_colours_change_nothing_else() -> None:
    coloured = "\n".join(lines(told(), Paint(True)))
    assert "\x1b[31m" in coloured
    for code in ("1", "2", "31", "32", "33", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == "\n".join(lines(told(), PLAIN))


def changed(**parts: Any) -> str:
    return "\n".join(lines({**told(), **parts}, PLAIN))


def test_what_is_absent_has_no_section_and_what_is_empty_says_so() -> None:
    absent = changed(anomalies=None, experiments=None, absent={"anomalies": "not installed"})
    assert "\nAnomalies\n" not in absent
    assert absent.endswith("anomalies: not installed")
    empty = changed(anomalies=[], bottlenecks=[], alerts=[])
    assert "\nAnomalies\n  none\n" in empty
    assert "\nAlerts\n  none opened\n" in empty


def test_chance_is_not_called_a_trend() -> None:
    rows = [{**row, "significant": False} for row in told()["trends"]]
    assert "no measure differs by more than chance" in changed(trends=rows)


def test_it_says_how_much_of_the_time_is_known() -> None:
    assert "10 min of these 24.0 h are known." in changed(covered_seconds=600.0)
    assert "are known" not in changed()


@pytest.mark.parametrize(("seconds", "cost", "words"), [
    (36.0, 2_000_000, ["500 ms less a call than before, 36.0 s in all", "$2.00 less than as many calls cost before"]),
    (0.0, -5_000_000, ["$5.00 more than as many calls cost before"]),
])  # fmt: skip
def test_faster_is_cheaper(seconds: float, cost: int, words: list[str]) -> None:
    faster = {"seconds_a_call": 0.5, "cost_a_call": 1.0, "calls": 72, "seconds": seconds, "cost": cost}
    said = changed(savings={**told()["savings"], "faster": faster})
    assert textwrap.indent("\n".join(words), "  ") in said

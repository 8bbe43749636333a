import csv
import io
from typing import Any

import msgspec
import pytest

from penstock.cost.answering import QuestionError, answer, as_csv, defused, question_of
from penstock.cost.hours import Entry, Hour, Sums

NOW = 1_800_000_000.0
AT = int(NOW) // 3600 * 3600


def hours() -> list[Hour]:
    return [
        Hour(AT, [
            Entry(("k1", "m", "up", "team:a, env:x"), Sums(2, 20, 4, 6, 100, cache=7, routing=1)),
            Entry(("k2", "m", "gpu", ""), Sums(1, 10, 0, 3, 300, unpriced=1)),
        ], {"gpu": 11}),
        Hour(AT - 86_400, [Entry(("k1", "n", "up", "team:a"), Sums(1, 1, 1, 1, 50, 50))]),
        Hour(AT - 90 * 86_400, [Entry(("k1", "n", "up", "team:a"), Sums(1, 1, 1, 1, 999))]),
    ]  # fmt: skip


def asked(**what: Any) -> dict[str, Any]:
    return answer(hours(), question_of(what, NOW), NOW)


def rows(**what: Any) -> dict[str, int]:
    return {row["name"]: row["cost"] for row in asked(**what)["rows"]}


def test_rows_are_gathered_the_dearest_first_and_times_in_their_order() -> None:
    assert list(rows().items()) == [("m", 400), ("n", 50)]
    assert list(rows(by="key").items()) == [("k2", 300), ("k1", 150)]
    assert list(rows(by="upstream").items()) == [("gpu", 300), ("up", 150)]
    assert list(rows(by="day").items()) == [("2027-01-14", 50), ("2027-01-15", 400)]
    assert list(rows(by="hour").items()) == [("2027-01-14T08:00Z", 50), ("2027-01-15T08:00Z", 400)]


def test_a_call_with_several_tags_is_in_the_row_of_each_and_once_in_the_total() -> None:
    assert rows(by="tag") == {"": 300, "team:a": 150, "env:x": 100}
    assert asked(by="tag")["total"]["cost"] == 450


def test_what_it_says_of_a_row() -> None:
    (row, _) = asked()["rows"]
    assert row == {
        "name": "m", "calls": 3, "tokens_in": 30, "tokens_cached": 4, "tokens_out": 9, "cost": 400, "estimated": 0,
        "unpriced": 1, "saved": {"cache": 7, "coalescing": 0, "batching": 0, "routing": 1, "prompt_cache": 0},
    }  # fmt: skip
    assert asked()["total"]["estimated"] == 50


def test_sums_that_no_json_holds_are_bounded() -> None:
    huge = [Hour(AT - day * 86_400, [Entry(("k", "m", "u", ""), Sums(1, 2**62, cost=2**62))]) for day in range(9)]
    told = answer(huge, question_of({}, NOW), NOW)
    assert told["total"]["cost"] == told["forecast"]["high"] == 2**63 - 1
    assert msgspec.json.encode(told)


def test_only_what_is_asked_for() -> None:
    assert rows(key="k1", by="upstream") == {"up": 150}
    assert rows(tag="env:x") == {"m": 100}
    assert rows(since="12h") == {"m": 400}
    assert rows(until=str(AT - 10)) == {"n": 50}
    assert rows(since="2027-01-15") == {"m": 400}
    assert asked()["idle"] == {"gpu": 11}
    assert asked(upstream="up")["idle"] == {}
    assert asked(upstream="gpu")["idle"] == {"gpu": 11}
    assert asked(key="k2")["idle"] == {}
    assert "forecast" not in asked(forecast="false")
    assert "3 whole days" not in str(asked()["forecast"]), "it knows of older days than were asked for"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"by": "colour"}, "by"), ({"format": "xml"}, "format"), ({"since": "yesterday"}, "since"),
        ({"since": "1h", "until": "2h"}, "until"), ({"until": "0x10"}, "until"), ({"forecast": "maybe"}, "forecast"),
        ({"colour": "red"}, "colour"), ({"since": "9" * 50}, "since"), ({"since": "-7d"}, "since"),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused_by_name(wrong: dict[str, str], name: str) -> None:
    with pytest.raises(QuestionError) as refused:
        question_of(wrong, NOW)
    assert refused.value.name == name


def test_more_rows_than_fit_are_counted() -> None:
    many = [Hour(AT, [Entry((f"k{number}", "m", "u", ""), Sums(1, cost=1)) for number in range(10_010)])]
    told = answer(many, question_of({"by": "key"}, NOW), NOW)
    assert (len(told["rows"]), told["more"], told["total"]["cost"]) == (10_000, 10, 10_010)


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "=cmd|' /C calc'!A0", '=HYPERLINK("x")'],
)
def test_no_cell_is_a_formula(name: str) -> None:
    told = answer([Hour(AT, [Entry(("k", name, "u", ""), Sums(1, cost=1))])], question_of({}, NOW), NOW)
    first, row, total = csv.reader(io.StringIO(as_csv(told)))
    assert row[0].startswith("'")
    assert "\n" not in row[0]
    assert first[0] == "model"
    assert (row[5], total[0], total[5]) == ("0.000001", "total", "0.000001")


def test_names_with_commas_quotes_and_lines_stay_one_cell() -> None:
    hostile = 'a,b"c\nd\0e'
    told = answer([Hour(AT, [Entry(("k", hostile, "u", ""), Sums(1))])], question_of({}, NOW), NOW)
    _, row, _ = csv.reader(io.StringIO(as_csv(told)))
    assert row[0] == 'a,b"c d e'
    assert defused("plain") == "plain"
    assert defused("") == ""


def test_a_terminal_obeys_nothing_in_a_cell() -> None:
    assert defused("a\x9b2J\x1b[31m\x7f\u202eb") == "a 2J [31m  b"

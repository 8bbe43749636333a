from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.journal import reading
from penstock.journal.reading import BATCH, MOST_ROWS, Question, QuestionError, answer, newest_before, question_of
from penstock.journal.values import row_of
from tests.support.exchanges import finished
from tests.support.logs import ListLog, looped


def row(number: int, **facts: Any) -> bytes:
    body = facts.pop("body", None)
    exchange = finished(**facts)
    exchange.id = f"req_{number}"
    return row_of(exchange, 1000 * number, "", facts.pop("session", ""), "", 0.0, body)


def ids(told: dict[str, Any]) -> list[int]:
    return [int(one["id"].removeprefix("req_")) for one in told["rows"]]


def log_of(count: int) -> ListLog:
    return ListLog([row(number, model="a" if number % 2 else "b") for number in range(1, count + 1)])


@looped
async def test_the_newest_rows_oldest_first() -> None:
    assert ids(await answer(log_of(10), Question(limit=3))) == [8, 9, 10]
    assert ids(await answer(log_of(2), Question(limit=3))) == [1, 2]
    assert ids(await answer(ListLog(), Question())) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * 20), st.integers(0, 60), st.integers(1, 70), st.sampled_from(["a", "b", None]))
@looped
async def test_the_newest_are_those_that_a_look_at_all_finds(count: int, trim: int, limit: int, model: Any) -> None:
    log = log_of(count)
    log.trim(min(trim, count))
    matched = {} if model is None else {"model": model}
    kept = reading.BATCH
    reading.BATCH = 7
    try:
        told = await answer(log, Question(limit=limit, matched=matched))
    finally:
        reading.BATCH = kept
    all_ids = [n for n in range(min(trim, count) + 1, count + 1) if model is None or model == ("a" if n % 2 else "b")]
    assert ids(told) == all_ids[-limit:]


@looped
async def test_the_newest_are_found_without_reading_all() -> None:
    log = log_of(20 * BATCH)
    await answer(log, Question(limit=5))
    assert log.reads == 1


@looped
async def test_page_after_page_gives_every_row_once() -> None:
    log, after, seen = log_of(1234), "", []
    while True:
        told = await answer(log, Question(after=after, limit=100))
        seen += ids(told)
        assert not told["missed"]
        if not (after := told["next"]):
            break
    assert seen == list(range(1, 1235))


@looped
async def test_rows_written_meanwhile_come_on_a_later_page() -> None:
    log = log_of(5)
    first = await answer(log, Question(after="", limit=5))
    log.append(row(6))
    assert ids(await answer(log, Question(after=first["next"], limit=5))) == [6]


@looped
async def test_a_page_whose_place_is_gone_begins_at_the_oldest_and_says_so() -> None:
    log = log_of(10)
    log.trim(5)
    told = await answer(log, Question(after="2"))
    assert (ids(told), told["missed"]) == ([6, 7, 8, 9, 10], True)
    told = await answer(log, Question(after="99999"))
    assert (ids(told), told["missed"]) == ([6, 7, 8, 9, 10], True)


@looped
async def test_what_is_no_row_is_counted_and_passed_over() -> None:
    log = ListLog([b"\xff\x00", row(2), b'{"a":1}', b""])
    for question in (Question(), Question(after="")):
        told = await answer(log, question)
        assert (ids(told), told["unread"]) == ([2], 3)


@looped
async def test_what_is_asked_for() -> None:
    log = ListLog([
        row(1), row(2, model="fb-*", asked="fb-7", answered_as="x"), row(3, status=500, outcome="error"),
        row(4, outcome="left"), row(5, key="key-9"), row(6, upstream="up@10.0.0.1:8000"), row(7, cache="miss"),
        row(8, status=404),
    ])  # fmt: skip
    for asked, expected in [
        ({"model": "fb-*"}, [2]), ({"model": "fb-7"}, [2]), ({"model": "x"}, [2]), ({"failed": "true"}, [3, 4, 8]),
        ({"outcome": "left"}, [4]), ({"key": "key-9"}, [5]), ({"upstream": "up"}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"upstream": "up@10.0.0.1:8000"}, [6]), ({"cache": "miss"}, [7]), ({"status": "404"}, [8]),
        ({"since": "7"}, [7, 8]), ({"key": "nobody"}, []), ({"failed": "true", "outcome": "left"}, [4]),
    ]:  # fmt: skip
        assert ids(await answer(log, question_of(asked))) == expected, asked


@looped
async def test_bodies_come_when_asked_for_and_end_a_page_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 3000)
    body = msgspec.Raw(msgspec.json.encode({"prompt": "x" * 1000}))
    log = ListLog([row(number, body=body) for number in range(1, 10)])
    told = await answer(log, Question(after="", bodies=True))
    assert ids(told) == [1, 2, 3]
    assert bytes(told["rows"][0]["body"]) == bytes(body)
    assert ids(await answer(log, Question(after=told["next"], bodies=True))) == [4, 5, 6]
    assert ids(await answer(log, Question(bodies=True))) == [7, 8, 9]


@pytest.mark.parametrize(
    "asked",
    [
        {"last": "x"}, {"last": "-1"}, {"last": "1" * 20}, {"limit": "9", "nonsense": "1"}, {"failed": "maybe"},
        {"status": "a"}, {"since": "\u0661"}, {"after": "", "limit": "1.5"},
    ],
)  # fmt: skip
def test_wrong_questions(asked: dict[str, str]) -> None:
    with pytest.raises(QuestionError) as caught:
        question_of(asked)
    assert caught.value.name in asked


def test_how_many_is_bounded() -> None:
    assert question_of({"last": "999999"}).limit == MOST_ROWS
    assert question_of({"last": "0"}).limit == 1


@looped
async def test_a_place_that_is_no_number_is_a_wrong_question() -> None:
    with pytest.raises(QuestionError):
        question_of({"after": "x; drop table"})
    assert question_of({"after": ""}).after == ""


@looped
async def test_a_row_is_found_by_its_id() -> None:
    log = log_of(3 * BATCH)
    assert ids(await answer(log, question_of({"id": "req_5", "last": "1"}))) == [5]
    assert ids(await answer(log, question_of({"id": "req_nobody"}))) == []


@given(st.integers(0, 40), st.integers(0, 10), st.integers(-1, 45))
@looped
async def test_the_rows_that_are_older_are_found(count: int, gone: int, since: int) -> None:
    log = log_of(count)
    log.trim(min(gone, count))
    older = [number for number in range(min(gone, count) + 1, count + 1) if number < since]
    assert await newest_before(log, 1000 * since) == (str(older[-1]) if older else "")

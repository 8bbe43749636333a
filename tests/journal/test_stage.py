from typing import Any

import pytest

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.journal.notes import Notes
from penstock.journal.row import read_row
from penstock.journal.stage import Journal
from tests.support.exchanges import finished
from tests.support.logs import ListLog


def test_the_row_is_written_when_the_call_ends_and_not_before() -> None:
    notes, log = Notes(lambda: 1.0), ListLog()
    notes.log = log
    room = Journal(notes, ["public"])
    call = finished().call
    body: Any = None
    exchange = Exchange("req_1", call, 1.0, 9.0, body)

    async def next(given: Exchange) -> Reply:
        return Reply(200, [], b"")

    waiting: Any = room(exchange, next)
    waiting.close()  # the room itself waits for nothing
    assert log.rows == []
    exchange.finish("left", 2.0)
    exchange.finish("ok", 3.0)
    notes.flush()
    row = read_row(log.rows[0])
    assert row is not None
    assert (row.id, row.outcome, len(log.rows)) == ("req_1", "left", 1)


@pytest.mark.interpreted
def test_what_a_head_says_is_read_once_for_all_calls_that_repeat_it() -> None:
    notes, log = Notes(lambda: 1.0), ListLog()
    notes.log = log
    notes.prompt_bytes = 1000
    room = Journal(notes, [" Internal "])
    first, second = finished(), finished()
    first.call.headers = [(b"x-penstock-classification", b"internal"), (b"x-penstock-tags", b"a")]
    second.call.memo = first.call.memo
    room.note(first)
    room.note(second)  # shares the memo, as a keep-alive caller's calls do
    notes.flush()
    assert [(row.tags, bytes(row.body) != b"null") for row in map(read_row, log.rows) if row] == [("a", True)] * 2

import msgspec
import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.observe import board as board_file
from penstock.observe.board import Board
from tests.support.exchanges import finished


def test_calls_are_told_apart_by_what_and_who_and_how_it_went() -> None:
    board = Board()
    board.record(finished())
    board.record(finished())
    board.record(finished("error", error=UpstreamError("down"), status=502))
    board.record(finished("error", error=CallerError("bad"), status=400, upstream="", model=""))
    assert {key: tally.calls for key, tally in board.tallies.items()} == {
        ("chat", "m", "up", 200, ""): 2,
        ("chat", "m", "up", 502, "upstream"): 1,
        ("chat", "", "", 400, "caller"): 1,
    }


def test_sums_and_times() -> None:
    board = Board()
    board.record(finished())
    (tally,) = board.tallies.values()
    assert (tally.tokens_in, tally.tokens_out, tally.tokens_cached) == (11, 22, 5)
    assert (tally.bytes_in, tally.bytes_out) == (56, 78)
    assert (tally.seconds.count, tally.seconds.sum) == (1, pytest.approx(2.5))
    assert (tally.first_byte.count, tally.first_byte.sum) == (1, pytest.approx(1.0))
    assert (board.overhead.count, board.overhead.sum) == (1, pytest.approx(0.0003))
    assert tally.seconds.quantile(1.0) == 2.5, "2.5 s belong to the bucket up to 2.5"
    assert board.overhead.quantile(1.0) == 0.0005


def test_a_caller_that_left_counts_as_499_whatever_was_sent() -> None:
    board = Board()
    board.record(finished("left", status=200))
    board.record(finished("left", status=0, first_byte=0.0))
    assert board.left == 2
    ((key, tally),) = board.tallies.items()
    assert key[3] == 499
    assert tally.first_byte.count == 1, "who left before the first byte saw none"


def test_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_file, "MAX_TALLIES", 10)
    board = Board()
    for number in range(100):
        board.record(finished(model=f"m{number}"))
    assert len(board.tallies) <= 11
    assert sum(tally.calls for tally in board.tallies.values()) == 100
    assert board.tallies["chat", "other", "other", 200, ""].calls == 90
    board.record(finished(model="m3"))
    assert board.tallies["chat", "m3", "up", 200, ""].calls == 2


def test_boards_of_all_workers_add_up_after_a_trip_as_plain_values() -> None:
    first, second, merged = Board(), Board(), Board()
    first.in_flight, second.in_flight = 2, 3
    for board in (first, second, second):
        board.record(finished())
    second.record(finished("left"))
    for board in (first, second):
        merged.load(msgspec.json.decode(msgspec.json.encode(board.dump())))
    assert (merged.in_flight, merged.left) == (5, 1)
    tally = merged.tallies["chat", "m", "up", 200, ""]
    assert (tally.calls, tally.tokens_out, tally.seconds.count) == (3, 66, 3)
    assert merged.overhead.count == 4

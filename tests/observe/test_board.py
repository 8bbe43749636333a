import msgspec
import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.observe import board as board_file
from penstock.observe.board import Board
from tests.support.boards import count
from tests.support.exchanges import finished


def test_calls_are_told_apart_by_what_and_who_and_how_it_went() -> None:
    board = Board()
    count(board, finished())
    count(board, finished())
    count(board, finished("error", error=UpstreamError("down"), status=502))
    count(board, finished("error", error=CallerError("bad"), status=400, upstream="", model=""))
    assert {key: tally.calls for key, tally in board.tallies.items()} == {
        ("chat", "m", "up", 200, ""): 2,
        ("chat", "m", "up", 502, "upstream"): 1,
        ("chat", "", "", 400, "caller"): 1,
    }


def test_sums_and_times() -> None:
    board = Board()
    count(board, finished())
    (tally,) = board.tallies.values()
    assert (tally.tokens_in, tally.tokens_out, tally.tokens_cached) == (11, 22, 5)
    assert (tally.bytes_in, tally.bytes_out) == (56, 78)
    of = board.times["chat", "m"].of
    assert (of["request"].count, of["request"].sum) == (1, pytest.approx(2.5))
    assert (of["first_byte"].count, of["first_byte"].sum) == (1, pytest.approx(1.0))
    assert (of["queue"].count, of["queue"].sum) == (1, 0.0)
    assert (board.overhead.count, board.overhead.sum) == (1, pytest.approx(0.0003))
    assert of["request"].quantile(1.0) == 2.5, "2.5 s belong to the bucket up to 2.5"
    assert board.overhead.quantile(1.0) == 0.0005


def test_a_caller_that_left_counts_as_499_whatever_was_sent() -> None:
    board = Board()
    count(board, finished("left", status=200))
    count(board, finished("left", status=0, first_byte=0.0))
    assert board.left == 2
    ((key, _),) = board.tallies.items()
    assert key[3] == 499
    assert board.times["chat", "m"].of["first_byte"].count == 1, "who left before the first byte saw none"


def test_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_file, "MAX_TALLIES", 10)
    board = Board()
    for number in range(100):
        count(board, finished(model=f"m{number}"))
    assert len(board.tallies) <= 11
    assert sum(tally.calls for tally in board.tallies.values()) == 100
    assert board.tallies["chat", "other", "other", 200, ""].calls == 90
    count(board, finished(model="m3"))
    assert board.tallies["chat", "m3", "up", 200, ""].calls == 2


def test_instances_that_come_and_go_count_as_their_upstream() -> None:
    board = Board()
    for number in range(50):
        call = finished(upstream=f"pool@10.0.0.{number}:8000")
        call.attempts, call.failures = 2, [("reset", f"pool@10.0.1.{number}:8000")]
        count(board, call)
    assert {key[2] for key in board.tallies} == {"pool"}
    assert board.retries == {("reset", "pool"): 50}
    left = finished("left", upstream="pool@10.0.0.1:8000", tokens_out=0)
    count(board, left)
    assert board.saved > 0


def test_boards_of_all_workers_add_up_after_a_trip_as_plain_values() -> None:
    first, second, merged = Board(), Board(), Board()
    first.in_flight, second.in_flight = 2, 3
    for board in (first, second, second):
        count(board, finished())
    count(second, finished("left"))
    for board in (first, second):
        merged.load(msgspec.json.decode(msgspec.json.encode(board.dump())))
    assert (merged.in_flight, merged.left) == (5, 1)
    tally = merged.tallies["chat", "m", "up", 200, ""]
    assert (tally.calls, tally.tokens_out, merged.times["chat", "m"].of["request"].count) == (3, 66, 4)
    assert merged.overhead.count == 4


def test_what_a_caller_that_left_spared_is_estimated_from_the_mean_answer() -> None:
    board = Board()
    count(board, finished("left", tokens_out=2))
    assert board.saved == 0, "nothing is known of this model's answers yet"
    count(board, finished(tokens_out=10))
    count(board, finished(tokens_out=30))
    count(board, finished("left", tokens_out=5))
    assert board.saved == 15
    count(board, finished("left", tokens_out=50))
    assert board.saved == 15, "a long answer owes nothing"
    brief = finished(tokens_out=8)
    brief.call.max_tokens, brief.outcome = 12, "left"
    count(board, brief)
    assert board.saved == 19
    merged = Board()
    merged.load(board.dump())
    assert merged.saved == 19


def test_failures_that_were_tried_again_are_counted_and_how_broken_streams_went_on() -> None:
    board = Board()
    rescued = finished()
    rescued.attempts, rescued.failures, rescued.rescues = 2, [("reset", "a")], ["prefill"]
    count(board, rescued)
    refused = finished("error")
    refused.attempts, refused.failures = 2, [("overloaded", "a"), ("overloaded", "a")]
    count(board, refused)
    merged = Board()
    merged.load(board.dump())
    merged.load(board.dump())
    assert merged.retries == {("reset", "a"): 2, ("overloaded", "a"): 2}, "the last failure is no retry"
    assert merged.rescues == {"prefill": 2}


def test_second_attempts_are_counted_and_what_was_sent_in_vain() -> None:
    board = Board()
    for how in (("won", 100.0), ("won", 20.0), ("no_budget", 0.0)):
        one = finished()
        one.hedge = how
        count(board, one)
    merged = Board()
    merged.load(msgspec.json.decode(msgspec.json.encode(board.dump())))
    merged.load(board.dump())
    assert (merged.hedges, merged.hedge_tokens) == ({"won": 4, "no_budget": 2}, 240.0)


def test_the_parts_of_a_stream_are_told_by_model_and_upstream() -> None:
    call = finished(first_byte=101.0, tokens_out=31, tokens_reasoning=7, queued=0.2, connecting=0.03)
    call.call.stream = True
    call.name_wait("admission", 0.2)
    board = count(Board(), call)
    of = board.tokens["m", "up"].of
    assert of["first_token"].sum == pytest.approx(1.0)
    assert of["prefill"].sum == pytest.approx(1.0 - 0.2 - 0.0003), "what waited in queues is not the model's"
    assert of["gap"].sum == pytest.approx(1.5 / 30), "the mean of thirty gaps"
    assert (of["connect"].count, of["connect"].sum) == (1, pytest.approx(0.03))
    assert board.times["chat", "m"].of["queue"].sum == pytest.approx(0.2)
    assert board.waits == {"admission": 0.2}
    assert [tally.tokens_reasoning for tally in board.tallies.values()] == [7]


def test_what_the_cache_answered_or_what_failed_says_nothing_of_an_upstreams_pace() -> None:
    hit, failed = finished(cache="hit-exact"), finished("error", error=UpstreamError("down"), status=502)
    hit.call.stream = failed.call.stream = True
    board = count(Board(), hit, failed)
    assert {name: histogram.count for name, histogram in board.tokens["m", "up"].of.items()} == {
        "first_token": 0, "prefill": 0, "gap": 0, "connect": 0,
    }  # fmt: skip
    assert board.times["chat", "m"].of["request"].count == 2


def test_a_name_that_a_caller_made_up_is_no_label() -> None:
    board = count(Board(), finished("error", error=CallerError("unknown"), status=404, asked="made-up", model=""))
    assert [key[1] for key in board.tallies] == [""]
    assert list(board.times) == [("chat", "")]


def test_times_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_file, "MAX_TIMES", 3)
    board = count(Board(), *[finished(model=f"m{number}", upstream=f"u{number}") for number in range(9)])
    assert set(board.times) == {("chat", "m0"), ("chat", "m1"), ("chat", "m2"), ("other", "other")}
    assert board.tokens["other", "other"].of["gap"].count == 6

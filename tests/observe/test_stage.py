from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.observe.board import Board
from penstock.observe.stage import Observe
from penstock.process.loop import run
from tests.support.targets import exchange


def test_a_call_is_in_flight_until_it_finishes_then_counted_remembered_and_logged() -> None:
    board, taken, logged = Board(), list[Exchange](), list[Exchange]()
    room = Observe(board, taken.append, logged.append)
    one = exchange()

    async def beyond(given: Exchange) -> Reply:
        assert board.in_flight == 1
        return Reply(200, [], b"")

    async def enter() -> None:
        assert (await room(one, beyond)).status == 200

    run(enter())
    assert (board.in_flight, taken, logged) == (1, [], [])
    one.finish("ok", 1.0)
    assert (board.in_flight, taken, logged) == (0, [one], [one])
    assert sum(tally.calls for tally in board.tallies.values()) == 1


def test_what_rooms_below_defer_is_done_before_it_is_counted() -> None:
    board = Board()
    one = exchange()

    async def beyond(given: Exchange) -> Reply:
        given.defer(lambda ended: setattr(ended, "tokens_out", 9))
        return Reply(200, [], b"")

    async def enter() -> None:
        await Observe(board, lambda _: None, None)(one, beyond)

    run(enter())
    one.finish("ok", 1.0)
    assert [tally.tokens_out for tally in board.tallies.values()] == [9]

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


def test_what_rooms_below_defer_is_done_before_it_is_counted() -> None:
    taken = list[int]()
    one = exchange()

    async def beyond(given: Exchange) -> Reply:
        given.defer(lambda ended: setattr(ended, "tokens_out", 9))
        return Reply(200, [], b"")

    async def enter() -> None:
        await Observe(Board(), lambda ended: taken.append(ended.tokens_out), None)(one, beyond)

    run(enter())
    one.finish("ok", 1.0)
    assert taken == [9]


def test_a_trace_begins_before_anything_else() -> None:
    one = exchange()
    seen: list[object] = []

    async def beyond(given: Exchange) -> Reply:
        seen.append("beyond")
        return Reply(200, [], b"")

    async def enter() -> None:
        await Observe(Board(), lambda _: None, None, trace=seen.append)(one, beyond)

    run(enter())
    assert seen == [one, "beyond"]


def test_one_call_in_so_many_goes_through_the_rooms_that_note_when_it_came() -> None:
    seen = list[str]()

    async def plain(given: Exchange) -> Reply:
        seen.append("plain")
        return Reply(200, [], b"")

    async def noting(given: Exchange) -> Reply:
        assert given.rooms == []
        seen.append("timed")
        return Reply(200, [], b"")

    room = Observe(Board(), lambda _: None, None, 3, noting)

    async def enter() -> None:
        for _ in range(7):
            await room(exchange(), plain)

    run(enter())
    assert seen == ["timed", "plain", "plain", "timed", "plain", "plain", "timed"]


def test_what_a_record_does_not_tell_is_noted_at_once() -> None:
    board = Board()
    room = Observe(board, lambda _: None, None)

    async def beyond(given: Exchange) -> Reply:
        return Reply(200, [], b"")

    async def enter(one: Exchange, outcome: str) -> None:
        await room(one, beyond)
        one.finish(outcome, 1.0)

    retried, hedged = exchange(), exchange()
    retried.attempts, retried.failures = 2, [("reset", "up")]
    hedged.hedge = ("won", 3.0)
    for one, outcome in ((retried, "ok"), (hedged, "ok"), (exchange(), "left"), (exchange(), "ok")):
        run(enter(one, outcome))
    assert (dict(board.retries), dict(board.hedges), board.left) == ({("reset", "up"): 1}, {"won": 1}, 1)

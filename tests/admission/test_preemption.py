"""Calls of class high that take the seat of a lower one: whose, when, and that each gives it up once."""

from typing import Any

from penstock.admission.hall import Terms
from penstock.core.priority import BATCH, HIGH, LOW, NORMAL
from tests.support.fibers import turns
from tests.support.halls import Caller, Lobby, in_lobby


class Loan:
    """A seat that may be taken away."""

    def __init__(self, lobby: Lobby, here: Any, rank: int) -> None:
        self.stopped = 0
        self._lobby, self._here = lobby, here
        caller = Caller(lobby.call(here, rank=rank, look=lambda: None).exchange)
        self.keep = lobby.hall.lend(here, caller.exchange, self.stop)

    def stop(self) -> None:
        self.stopped += 1
        self._here.end(self._lobby.now, 0.1, None, "left")


def test_a_high_call_takes_the_seat_of_the_lowest_class_that_began_last() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place(limit=4)
        loans = []
        for moment, rank in enumerate((LOW, BATCH, BATCH, LOW)):
            lobby.now = float(moment)
            loans.append(Loan(lobby, here, rank))
        one = lobby.call(here, rank=HIGH)
        await turns(2)
        assert [loan.stopped for loan in loans] == [0, 0, 1, 0]
        assert one.place is here
        loans[1].keep()  # its answer has begun
        for _ in range(2):
            assert lobby.call(here, rank=NORMAL).waits
        two = [lobby.call(here, rank=HIGH) for _ in range(3)]
        await turns(2)
        assert [loan.stopped for loan in loans] == [1, 0, 1, 1]
        assert [caller.waits for caller in two] == [False, False, True]
        assert lobby.counts.preempted == [0, 0, 2, 1]
        assert here.taken == 4

    in_lobby(story)


def test_several_high_calls_at_once_take_a_seat_each() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place(limit=2)
        loans = [Loan(lobby, here, BATCH) for _ in range(2)]
        both = [lobby.call(here, rank=HIGH) for _ in range(2)]
        await turns(2)
        assert [loan.stopped for loan in loans] == [1, 1]
        assert [caller.place for caller in both] == [here, here]

    in_lobby(story)


def test_no_work_is_thrown_away_where_a_seat_comes_free_soon_enough() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place(limit=32, hold=0.4)  # one each 12 ms
        loan = Loan(lobby, here, BATCH)
        assert lobby.call(here, rank=HIGH).waits
        assert loan.stopped == 0

    in_lobby(story)


def test_where_preemption_is_off_nobody_yields() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        loan = Loan(lobby, here, BATCH)
        assert lobby.call(here, rank=HIGH).waits
        assert loan.stopped == 0
        batch = lobby.call(here, rank=BATCH).exchange
        assert not lobby.hall.yields(batch, 0)
        lobby.terms.preempt = 2
        assert [lobby.hall.yields(batch, times) for times in range(4)] == [True, True, False, False]
        assert not lobby.hall.yields(lobby.call(here, rank=NORMAL).exchange, 0)

    in_lobby(story, terms=Terms(preempt=0))


def test_who_had_a_seat_before_goes_first_and_preempts_nobody() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        loan = Loan(lobby, here, BATCH)
        earlier, back = lobby.call(here), lobby.call(here, front=True)
        lobby.call(here, rank=HIGH, front=True).leave()
        await turns(2)
        assert loan.stopped == 0
        await lobby.leave(here)
        assert back.place is here
        assert earlier.waits

    in_lobby(story)

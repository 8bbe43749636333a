"""Two attempts at one call, through the whole room: who wins, what becomes of the other, what is told."""

import asyncio

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.hedge import Hedge
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.strategies.strategy import Shared
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Changes
from tests.support.fibers import until
from tests.support.races import BODY, DELAY, InOrder, Serving, asked, call, hedge, lever, no_room_below, of, play
from tests.support.targets import exchange
from tests.support.targets import target as plain_target

VAIN = len(BODY) / 4
"""The tokens of the prompt that was sent in vain."""
CAUGHT = Reply(400, [], b'{"error":{"message":"no"}}')


def outcome(one: Exchange) -> str:
    """What came of its second attempt."""
    return "" if one.hedge is None else one.hedge[0]


def test_the_second_answers_first_and_the_first_is_let_go_at_once() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        assert (a.in_flight, b.in_flight) == (1, 1)
        of(b).pull(Reply(200, [], b"fine"))
        assert a.in_flight == 0, "its seat is given back before anything else happens"
        assert (await serving).body == b"fine"
        assert of(a).cancelled == 1
        assert (one.upstream, one.attempts, one.failures) == ("b", 2, None)

    assert play(act, a, b).hedge == ("won", VAIN)


def test_what_each_used_is_noted_for_itself() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        for target, tokens in ((a, 5), (b, 7)):
            of(target).asked[-1].tokens_in = tokens
        of(b).pull(Reply(200, [], b"fine"))
        await serving

    one = play(act, a, b)
    assert sorted((spent[0], spent[2]) for spent in one.spent or ()) == [("a", 5), ("b", 7)]
    assert one.tokens_in == 12


def test_the_first_answers_first_and_the_second_is_let_go() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(a).pull(Reply(200, [], b"fine"))
        assert b.in_flight == 0
        assert (await serving).body == b"fine"
        assert of(b).cancelled == 1
        assert (one.upstream, one.attempts) == ("a", 2)

    assert play(act, a, b).hedge == ("lost", VAIN)


def test_one_that_is_in_time_has_no_second() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await until(lambda: len(of(a).asked) == 1)
        of(a).pull(Reply(200, [], b"fine"))
        assert (await serving).body == b"fine"
        await asyncio.sleep(3 * DELAY)
        assert of(b).asked == []

    one = play(act, a, b)
    assert (one.hedge, one.attempts) == (None, 1)


@pytest.mark.parametrize("fault", [UpstreamError("x", phase="headers"), Reply(503, [], b"{}")])
@pytest.mark.parametrize(("fails", "how"), [("a", "won"), ("b", "failed")])
def test_a_failure_does_not_show_while_the_other_may_answer(fails: str, how: str, fault: Reply | UpstreamError) -> None:
    a, b = lever("a"), lever("b")
    failing, good = (a, b) if fails == "a" else (b, a)

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(failing).pull(fault)
        await asyncio.sleep(0.001)
        assert not serving.done()
        assert (failing.in_flight, good.in_flight) == (0, 1)
        of(good).pull(Reply(200, [], b"fine"))
        assert (await serving).body == b"fine"
        assert one.upstream == good.name
        assert [name for _, name in one.failures or []] == [fails]

    assert outcome(play(act, a, b)) == how


def test_when_both_fail_the_last_failure_is_told_and_neither_is_asked_again() -> None:
    a, b, c = lever("a"), lever("b"), lever("c")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(a).pull(UpstreamError("first", phase="headers"))
        of(b).pull(Reply(503, [], b"second"))
        await until(lambda: bool(of(c).asked))
        of(c).pull(Reply(200, [], b"fine"))
        assert (await serving).body == b"fine"
        assert [len(of(target).asked) for target in (a, b, c)] == [1, 1, 1]
        assert [name for _, name in one.failures or []] == ["a", "b"]

    assert play(act, a, b, c, retries=2).attempts == 3


def test_without_retries_the_last_failure_stands() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(b).pull(Reply(503, [], b"second"))
        of(a).pull(UpstreamError("first", phase="headers"))
        with pytest.raises(UpstreamError, match="first"):
            await serving

    assert outcome(play(act, a, b)) == "failed"


def test_what_the_caller_must_mend_ends_both() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(b).pull(CAUGHT)
        assert (await serving).status == 400
        assert (of(a).cancelled, a.in_flight) == (1, 0)

    play(act, a, b)


def test_a_caller_that_leaves_ends_both() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        one.finish("left", 1.0)
        assert (a.in_flight, b.in_flight) == (0, 0)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        await asyncio.sleep(0)
        assert (of(a).cancelled, of(b).cancelled) == (1, 1)

    assert outcome(play(act, a, b)) == "left"


def test_a_cancel_alone_ends_both_too() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert (a.in_flight, b.in_flight) == (0, 0)
        await asyncio.sleep(0)
        assert (of(a).cancelled, of(b).cancelled) == (1, 1)

    play(act, a, b)


@pytest.mark.parametrize("how", [Hedge(0.95, 1.0, 0.0), hedge(budget=0.0), hedge(delay=1e6)])
def test_none_before_enough_is_known_beyond_the_budget_or_past_the_deadline(how: Hedge) -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await until(lambda: bool(of(a).asked))
        await asyncio.sleep(4 * DELAY)
        assert of(b).asked == []
        of(a).pull(Reply(200, [], b"fine"))
        await serving

    one = play(act, a, b, how=how)
    assert one.hedge == (("no_budget", 0.0) if how.delay(one.call) == DELAY else None)


def test_a_call_that_acts_has_no_second() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await until(lambda: bool(of(a).asked))
        await asyncio.sleep(4 * DELAY)
        assert of(b).asked == []
        of(a).pull(Reply(200, [], b"fine"))
        await serving

    play(act, a, b, body=b'{"model":"m","store":true}')


def test_one_that_drains_meanwhile_is_not_asked() -> None:
    changes = Changes()
    a, b = lever("a", changes), lever("b", changes)

    async def act(one: Exchange, serving: Serving) -> None:
        await until(lambda: bool(of(a).asked))
        b.drain()
        await asyncio.sleep(4 * DELAY)
        assert of(b).asked == []
        of(a).pull(Reply(200, [], b"fine"))
        await serving

    play(act, a, b)


def test_a_defect_is_told_and_ends_both() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(b).pull(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            await serving
        await asyncio.sleep(0)
        assert of(a).cancelled == 1

    play(act, a, b)


def test_one_that_always_loses_is_learned_to_be_slow() -> None:
    a, b = lever("a"), lever("b")
    a.load.peers.first.base = 0.0

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(a).asked[0].seat.stay.expected = 0.0  # type: ignore[attr-defined]
        of(b).pull(Reply(200, [], b"fine"))
        await serving

    play(act, a, b)
    assert a.load.peak_first.value is not None


def test_a_session_stays_where_it_is() -> None:
    shared = Shared(uniform=lambda low, high: low)
    a, b = lever("a"), lever("b")
    entry = Entry("m", [a, b], make_strategy("adaptive", shared), hedge=hedge())

    async def main() -> None:
        one = call()
        one.call.session = "s"
        one.scope = "k"

        async def serve() -> Reply:
            return await Routing(Table([entry]), [a, b])(one, no_room_below)

        serving = asyncio.ensure_future(serve())
        await asked(a, b)
        of(b).pull(Reply(200, [], b"fine"))
        await serving
        one.finish("ok", 1.0)
        assert shared.sessions.find("k\0s", 0.0) == "a"

    run(main())


def test_off_means_that_nothing_of_it_runs() -> None:
    a = plain_target("a")
    entry = Entry("m", [a, plain_target("b")], InOrder())
    assert entry.hedge is None

    async def main() -> Exchange:
        one = exchange()
        await Routing(Table([entry]), [a])(one, no_room_below)
        return one

    assert run(main()).forks == 0

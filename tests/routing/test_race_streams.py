"""Two attempts at one stream: the first event wins, and what breaks afterwards is rescued."""

import asyncio

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.trial import Side
from tests.support.fibers import until
from tests.support.numbered import TEXT, Frames, numbered, upstream
from tests.support.races import Serving, asked, chunks, lever, of, play, take
from tests.support.streams import text_of


def test_a_stream_is_won_by_its_first_event_and_not_by_its_head() -> None:
    a, b = lever("a"), lever("b")
    waiting = Frames([], ends=False)

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(a).pull(Reply(200, [], waiting, events=True))
        await asyncio.sleep(0.001)
        assert not serving.done()
        of(b).pull(chunks("x", "y"))
        assert text_of((await take(serving, one)).got) == "xy"
        assert waiting.cancelled

    one = play(act, a, b, stream=True)
    assert (one.upstream, one.tokens_in, one.tokens_out, one.tokens_cached) == ("b", 0, 0, 0)
    assert one.hedge is not None
    assert one.hedge[0] == "won"


def test_the_tokens_of_the_winner_are_the_calls_and_those_of_the_other_are_added() -> None:
    a, b = lever("a"), lever("b")

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(a).asked[0].tokens_in = 5  # told before its first token, as Anthropic does
        of(b).pull(chunks("x"))
        of(b).asked[0].tokens_in, of(b).asked[0].tokens_out = 7, 9
        await take(serving, one)

    one = play(act, a, b, stream=True)
    assert (one.tokens_in, one.tokens_out) == (12, 9)


def test_a_winner_that_breaks_is_rescued_and_both_are_paid() -> None:
    a, b, c = lever("a"), numbered("b", 3), numbered("c")

    async def act(one: Exchange, serving: Serving) -> None:
        caller = await take(serving, one)
        assert (caller.ends, text_of(caller.got)) == ([None], TEXT)
        assert caller.got.count(b"[DONE]") == 1
        assert (one.upstream, one.rescues) == ("c", ["prefill"])
        assert [name for _, name in one.failures or []] == ["b"]
        assert of(a).cancelled == 1

    one = play(act, a, b, c, stream=True, retries=2)
    assert one.tokens_out >= 3, "what the winner gave before it broke counts"
    assert len(upstream(c).bodies) == 1


def test_the_end_of_the_call_ends_the_winners_fork_as_it_ended() -> None:
    a, b = lever("a"), lever("b")
    forks: list[Exchange] = []

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(b).pull(chunks("x"))
        reply = await serving
        forks.extend(of(a).asked + of(b).asked)
        assert [fork.outcome for fork in forks] == ["error", None]
        assert b.in_flight == 1
        one.finish("left", 1.0)
        assert not isinstance(reply.body, bytes)
        reply.body.cancel("caller gone")

    play(act, a, b, stream=True)
    assert [fork.outcome for fork in forks] == ["error", "left"]


def test_who_looks_at_the_call_when_it_ends_finds_all_that_was_used() -> None:
    """Also one that began to watch after the race had begun, and so looks before what was left behind then."""
    a, b = lever("a"), lever("b")
    seen: list[int] = []

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        one.defer(lambda ended: seen.append(ended.tokens_out))
        of(b).pull(chunks("x"))
        await until(serving.done)
        of(b).asked[0].tokens_out = 9
        await take(serving, one)

    play(act, a, b, stream=True)
    assert seen == [9]


def test_a_version_on_trial_is_measured_by_the_answer_that_won() -> None:
    a, b = lever("a"), lever("b")
    side = Side()

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(b).pull(chunks("x"))
        await until(serving.done)
        of(b).asked[0].tokens_out = 9
        one.first_byte = 0.5
        await take(serving, one)

    play(act, a, b, stream=True, side=side)
    assert (side.calls, side.failures, side.gap.count) == (1, 0, 1)


def test_a_failure_that_does_not_show_is_one_of_the_version_on_trial() -> None:
    a, b = lever("a"), lever("b")
    side = Side()

    async def act(one: Exchange, serving: Serving) -> None:
        await asked(a, b)
        of(a).pull(UpstreamError("down", phase="headers"))
        of(b).pull(chunks("x"))
        await take(serving, one)

    play(act, a, b, stream=True, side=side)
    assert (side.calls, side.failures) == (2, 1)

"""Where calls meet: what fills a batch, and what lets it go."""

import asyncio
import json

from penstock.batching.windows import Window
from tests.support.batches import Hall, in_hall
from tests.support.fibers import until


def window(hall: Hall) -> Window:
    (only,) = hall.stage._windows.values()
    return only


def sent(hall: Hall) -> list[list[str]]:
    """What each call had."""
    bodies = [json.loads(exchange.call.body)["input"] for exchange in hall.below]
    return [given if isinstance(given, list) else [given] for given in bodies]


def test_a_full_batch_leaves_at_once_though_the_upstream_is_busy() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask(text) for text in "abcdef"]
        assert sent(hall) == [["a"], ["b", "c"], ["d", "e"]]
        hall.let_go()
        await hall.gather(*askers)

    in_hall(act, max_items=2)


def test_what_does_not_fit_sends_what_waits() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask("a"), hall.ask(["b", "c"]), hall.ask(["d", "e"])]
        assert sent(hall) == [["a"], ["b", "c"]]
        hall.let_go()
        await hall.gather(*askers)
        assert sent(hall) == [["a"], ["b", "c"], ["d", "e"]]

    in_hall(act, max_items=3)


def test_tokens_and_bytes_fill_it_too() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask("a"), hall.ask("b" * 30), hall.ask("c" * 30)]
        assert sent(hall)[1:] == [["b" * 30, "c" * 30]]
        hall.let_go()
        await hall.gather(*askers)

    in_hall(act, max_bytes=66)
    in_hall(act, max_tokens=16)


def test_the_end_of_a_call_lets_the_next_batch_go() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask(text) for text in "abc"]
        assert sent(hall) == [["a"]]
        assert window(hall).open is not None
        hall.let_go(holds=True)
        await until(lambda: len(hall.below) == 2)
        assert sent(hall) == [["a"], ["b", "c"]]
        hall.let_go()
        await hall.gather(*askers)

    in_hall(act)


def test_time_lets_it_go_beside_what_is_in_flight() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask(text) for text in "abc"]
        assert sent(hall) == [["a"]]
        async with asyncio.timeout(20):
            while len(hall.below) < 2:  # noqa: ASYNC110 - the timer is the loop's
                await asyncio.sleep(0.001)
        assert sent(hall) == [["a"], ["b", "c"]]
        assert askers[0].exchange.outcome is None
        hall.let_go()
        await hall.gather(*askers)
        assert askers[1].exchange.queued >= 0.004

    in_hall(act, max_wait=0.005, wait_at_load=[])


def test_one_alone_after_all_goes_as_itself() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask("a"), hall.ask("b")]
        hall.let_go()
        await hall.gather(*askers)
        assert hall.below[1] is askers[1].exchange
        assert askers[1].exchange.batch.startswith("b1; size=1; wait=")
        assert askers[1].exchange.queued > 0

    in_hall(act)


def test_a_window_without_callers_is_idle_and_has_no_timer() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask("a"), hall.ask("b")]
        found = window(hall)
        assert not found.idle
        askers[1].leave()
        assert found.open is None
        assert found._timer is None
        assert not found.idle  # the first is still in flight
        hall.let_go()
        await hall.gather(askers[0])
        assert found.idle

    in_hall(act)


def test_the_smallest_size_is_waited_for() -> None:
    async def act(hall: Hall) -> None:
        askers = [hall.ask("a"), hall.ask("b")]
        assert hall.below == []
        askers.append(hall.ask("c"))
        assert sent(hall) == [["a", "b", "c"]]
        hall.let_go()
        await hall.gather(*askers)

    in_hall(act, min_items=3)

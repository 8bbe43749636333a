import asyncio
import gc
import logging
import random
import socket
import threading
import time
from typing import Any

import pytest

from penstock.net.loop.event_loop import EventLoop
from tests.net.loop.pairs import Noting, connected, on_loops_of_python
from tests.support.loops import Run, run


def turns_of(loop: Any) -> str:
    return repr(loop._turns)


@on_loops_of_python
def test_calls_come_in_the_order_in_which_they_were_asked_for(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[str] = []

        def first() -> None:
            told.append("first")
            loop.call_soon(told.append, "next turn")
            loop.call_later(0, told.append, "timer")

        loop.call_soon(first)
        loop.call_soon(told.append, "second")
        await asyncio.sleep(0.002)
        assert told == ["first", "second", "next turn", "timer"]

    run(main())


@on_loops_of_python
def test_timers_come_in_the_order_of_their_times(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[float] = []
        now = loop.time()
        times = [now + random.random() / 50 for _ in range(10_000)]
        for when in times:
            loop.call_at(when, told.append, when)
        await asyncio.sleep(0.03)
        assert told == sorted(times)
        assert loop.time() >= max(times)

    run(main())


def test_timers_of_one_time_come_in_the_order_in_which_they_were_asked_for() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[int] = []
        when = loop.time() + 0.001
        for number in range(1000):
            loop.call_at(when, told.append, number)
        await asyncio.sleep(0.005)
        assert told == list(range(1000))

    run(main())


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[int] = []
        kept = [loop.call_later(3600 + number, told.append, number) for number in range(50)]
        for round_ in range(100):
            for timer in [loop.call_later(1000 + round_, told.append, -1) for _ in range(100)]:
                timer.cancel()
            await asyncio.sleep(0)
            assert int(turns_of(loop).split(", ")[1].split()[0]) <= 50 + 150
        for timer in kept:
            timer.cancel()
        await asyncio.sleep(0)
        assert " 0 timers" in turns_of(loop)
        assert told == []

    run(main())


@on_loops_of_python
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_wants_out_comes_out_and_the_rest_is_called_in_the_next_run(run: Run, error: type[BaseException]) -> None:
    async def main() -> Any:
        return asyncio.get_running_loop()

    kind = type(run(main()))
    loop = kind()
    told: list[str] = []

    def leave() -> None:
        raise error

    loop.call_soon(leave)
    loop.call_soon(told.append, "rest")
    with pytest.raises(error):
        loop.run_forever()
    assert told == []
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert told == ["rest"]
    loop.close()


@on_loops_of_python
def test_another_thread_wakes_it(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        timer = threading.Timer(0.02, loop.call_soon_threadsafe, (done.set_result, 7))
        timer.start()
        assert await asyncio.wait_for(done, 5) == 7
        timer.join()

    run(main())


def test_it_stops_after_the_turn() -> None:
    loop = EventLoop()
    told: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(told.append, "this turn")
    loop.call_soon(loop.call_soon, told.append, "next turn")
    loop.run_forever()
    assert told == ["this turn"]
    loop.stop()
    loop.run_forever()
    assert told == ["this turn", "next turn"]
    loop.close()


def test_slow_calls_are_logged_in_debug_mode(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.01
        with caplog.at_level(logging.WARNING, "asyncio"):
            loop.call_soon(time.sleep, 0.02)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert " took 0." in caplog.text
        caplog.clear()
        loop.set_debug(False)
        loop.call_soon(time.sleep, 0.02)
        await asyncio.sleep(0)
        assert caplog.text == ""

    run(main())


def test_what_was_asked_for_before_debug_mode_is_called_in_it() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        loop.call_later(0.003, told.append, "ours")
        cancelled = loop.call_later(0.001, told.append, "cancelled")
        loop.set_debug(True)
        loop.call_later(0.002, told.append, "asyncio's")
        asked = loop.call_later(0.001, told.append, "cancelled, too")
        loop.set_debug(False)
        cancelled.cancel()
        asked.cancel()
        await asyncio.sleep(0.01)
        assert told == ["asyncio's", "ours"]
        assert " 0 timers" in turns_of(loop)

    run(main())


def test_what_is_open_at_its_end_is_closed_without_a_word() -> None:
    peers: list[socket.socket] = []
    told: list[Noting] = []

    async def main() -> None:
        for _ in range(3):
            told.append(Noting())
            transport, peer = await connected(told[-1])
            peers.append(peer)
        transport.close()  # its loss would be told in the next turn, which never comes
        peers.append(transport)

    run(main())
    transport: Any = peers.pop()
    assert transport.is_closing()
    transport.write(b"x")
    transport.close()
    transport.abort()
    for peer in peers:
        assert peer.recv(1) == b""
        peer.close()
    assert all(noting.told[0] == "made" for noting in told)
    told.clear()
    gc.collect()

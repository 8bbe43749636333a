"""The prober against a provider that behaves as a test says: what each behaviour is taken for; all is bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.errors import GatewayError, UpstreamError
from penstock.process.loop import run
from penstock.routing.probes import Question, question
from penstock.routing.service import Comparing, Pace, Prober
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from tests.routing.test_outliers import measured
from tests.support.targets import target

PATH = question("path", "/health", "openai", "")
TOKEN = question("token", "/health", "openai", "m")
FAST = Pace(interval=0.02, timeout=0.1, bad=3)

Asking = Callable[..., Awaitable[tuple[int, bytes]]]


class Asked:
    """Answers with ``act``: an answer, an exception, or None for never."""

    def __init__(self, act: Any) -> None:
        self.act = act
        self.times = 0
        self.cancelled = 0

    async def __call__(self, method: str, path: str, body: bytes, within: float, limit: int) -> tuple[int, bytes]:
        self.times += 1
        if self.act is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if isinstance(self.act, Exception):
            raise self.act
        status, text = self.act
        return status, text


def probed(one: Target, asked: Asked, until: Callable[[], Any], asks: Question = PATH, pace: Pace = FAST) -> None:
    """Probe until ``until()``."""

    async def main() -> None:
        prober = Prober(one, asks, asked, pace, asyncio.get_running_loop().time)
        running = asyncio.ensure_future(prober.run())
        async with asyncio.timeout(5):
            while not until():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.005)
        prober.stop()
        await asyncio.wait_for(running, 1)

    run(main())


def open_breaker(one: Target, now: float) -> None:
    for _ in range(5):
        one.health.ill(now)


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (UpstreamError("x", phase="connect"), "unreachable"),
        (UpstreamError("x", phase="headers", status=504), "silent"),
        (UpstreamError("upstream 'a' sent malformed HTTP", phase="headers"), "malformed"),
        ((503, b""), "server_error"),
        (None, "silent"),
    ],
)
def test_what_is_bad_puts_it_out_of_use(act: Any, word: str) -> None:
    one, asked = target("a"), Asked(act)
    probed(one, asked, lambda: one.health.sick)
    assert one.health.probes[word] >= 3
    assert set(one.health.probes) == {word}
    if act is None:
        assert asked.cancelled == asked.times, "a probe that hangs is given up"


@pytest.mark.parametrize(
    ("act", "word"),
    [
        ((404, b""), "answers"),
        (GatewayError("full", code="upstream_queue_full", phase="queue"), "busy"),
        (UpstreamError("none became free", status=504, phase="queue"), "busy"),
        ((200, b""), "well"),
    ],
)
def test_what_is_not_leaves_it_in(act: Any, word: str) -> None:
    one = target("a")
    probed(one, Asked(act), lambda: one.health.probes[word] >= 4)
    assert one.usable(0.0)
    assert one.health.bad == 0


def test_a_good_answer_brings_it_back() -> None:
    one, asked = target("a"), Asked((500, b""))
    probed(one, asked, lambda: one.health.sick)
    asked.act = (200, b"")
    probed(one, asked, lambda: not one.health.sick)
    assert one.health.probes["well"] >= 1


def test_while_calls_go_well_nobody_is_asked() -> None:
    one, asked, times = target("a"), Asked((200, b"")), 0

    def calls() -> bool:
        nonlocal times
        times += 1
        one.health.well(asyncio.get_running_loop().time())
        return times > 40

    probed(one, asked, calls, pace=Pace(interval=0.05, timeout=0.05))
    assert asked.times == 0


def test_a_path_does_not_take_the_place_of_a_call_in_a_trial() -> None:
    one, asked = target("a"), Asked((200, b""))

    def half_open() -> bool:
        if one.health.breaker.state == "closed":
            open_breaker(one, asyncio.get_running_loop().time())
        return one.health.word == "half_open"

    probed(one, asked, half_open)
    before = asked.times
    ticks = iter(range(30))
    probed(one, asked, lambda: next(ticks) == 29)
    assert asked.times == before
    assert one.health.breaker.free


def test_after_a_hang_a_path_is_asked_in_a_trial_too() -> None:
    one, asked = target("a"), Asked((500, b""))
    open_breaker(one, 0.0)
    one.health.breaker.hasten()
    one.health.wary_until = 1e12
    probed(one, asked, lambda: one.health.word == "open")
    asked.act = (200, b"")
    probed(one, asked, lambda: one.health.wary_until == 0.0)
    assert one.health.word == "half_open"


def test_a_token_does_and_closes_the_breaker() -> None:
    one, asked = target("a"), Asked((200, b"{}"))

    async def main() -> None:
        open_breaker(one, asyncio.get_running_loop().time())

    run(main())
    probed(one, asked, lambda: one.health.word == "closed", TOKEN)
    assert asked.times == 1


def test_a_token_that_fails_in_a_trial_opens_it_again() -> None:
    one, asked = target("a"), Asked((500, b""))

    async def main() -> None:
        open_breaker(one, asyncio.get_running_loop().time())
        one.health.breaker.hasten()

    run(main())
    probed(one, asked, lambda: one.health.word == "open", TOKEN)
    assert one.health.breaker.openings == 2


def test_a_prober_that_is_ended_in_a_trial_gives_its_place_back() -> None:
    one, asked = target("a"), Asked(None)
    open_breaker(one, 0.0)
    one.health.breaker.hasten()

    async def main() -> None:
        prober = Prober(one, TOKEN, asked, Pace(0.01, 5.0), asyncio.get_running_loop().time)
        running = asyncio.ensure_future(prober.run())
        async with asyncio.timeout(5):
            while not asked.times:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
        assert not one.health.breaker.free
        running.cancel()
        await asyncio.wait({running})

    run(main())
    assert one.health.breaker.free


def test_a_stopped_prober_ends_at_once() -> None:
    one, asked = target("a"), Asked((200, b""))
    probed(one, asked, lambda: True, pace=Pace(interval=600.0))
    assert asked.times == 0


def test_comparing_leaves_the_slow_ones_out() -> None:
    those = measured(3.0, 0.2, 0.25, 0.9)
    Comparing(lambda: [Entry("m", those, make_strategy("round_robin"))], lambda: 5.0).compare()
    assert [one.usable(5.0) for one in those] == [True, True, False]

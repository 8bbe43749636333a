import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import pytest

from penstock.alerts import service as module
from penstock.alerts.config import WebhookConfig
from penstock.alerts.line import Line
from penstock.alerts.service import Posting, Webhook
from penstock.core.call import Headers
from penstock.core.errors import UpstreamError
from penstock.core.tasks import Crew
from penstock.net.outward import Answer
from tests.support.alerts import OPENED, news
from tests.support.logs import looped

OK = Answer(200, None, b"ok")
CONFIG = WebhookConfig(url="https://hooks.example/T0/planted-secret")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.0)


class Receiver:
    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.got = 0

    async def __call__(self, headers: Headers, body: bytes, within: float) -> Answer:
        self.got += 1
        answer = self.answers.pop(0) if self.answers else OK
        if isinstance(answer, Exception):
            raise answer
        return answer


def webhook(post: Any, name: str = "mine") -> Webhook:
    line = Line(lambda low, high: 1.0)
    return Webhook(name, CONFIG, line, post, gateway="gw", agent=b"a", timeout=5.0, wall=lambda: OPENED)


@contextlib.asynccontextmanager
async def posting(*webhooks: Webhook, now: Callable[[], float] = lambda: 0.0):  # type: ignore[no-untyped-def]
    crew = Crew("test")
    ticks: list[int] = []
    made = Posting(crew.spawn, now, lambda: ticks.append(1))
    made.webhooks = list(webhooks)
    crew.supervise(made)
    try:
        yield ticks
    finally:
        await crew.aclose()


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not fact():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (OK, 200, ""),
        (Answer(202, None, b""), 202, ""),
        (Answer(302, None, b""), 302, "it answered 302 (redirects are not followed)"),
        (Answer(404, None, b"planted words"), 404, "it answered 404"),
        (TimeoutError(), 0, "it did not answer within 5 s"),
        (UpstreamError("planted: refused", phase="connect"), 0, "it cannot be reached"),
        (UpstreamError("planted", phase="dns"), 0, "its name cannot be resolved"),
        (UpstreamError("planted", phase="body"), 0, "it broke the connection"),
        (OSError("planted"), 0, "it cannot be reached"),
    ],
)
def test_how_a_post_went_in_words_that_hold_no_secret(answer: Any, status: int, said: str) -> None:
    assert asyncio.run(webhook(Receiver(answer)).post(news())) == (status, said, None)


@looped
async def test_news_are_posted() -> None:
    receiver = Receiver()
    one = webhook(receiver)
    async with posting(one) as ticks:
        one.line.offer(news())
        await until(lambda: one.line.results["sent"] == 1)
        assert ticks
    assert (receiver.got, one.numbers()["queued"]) == (1, 0)


@looped
async def test_a_webhook_that_hangs_holds_up_nobody_else() -> None:
    hung = asyncio.Event()
    calls = 0

    async def hangs(headers: Headers, body: bytes, within: float) -> Answer:
        nonlocal calls
        calls += 1
        await hung.wait()
        return OK

    slow, quick = webhook(hangs, "slow"), webhook(Receiver(), "quick")
    async with posting(slow, quick):
        for one in (slow, quick):
            for id in ("a", "b"):
                one.line.offer(news(id=id))
        await until(lambda: quick.line.results["sent"] == 2)
        assert (calls, slow.line.waiting) == (1, 2), "one at a time, and none is lost"
        hung.set()
        await until(lambda: slow.line.results["sent"] == 2)


@looped
async def test_it_is_tried_again() -> None:
    moment = 0.0
    receiver = Receiver(UpstreamError("x", phase="connect"), Answer(503, 9.0, b""))
    one = webhook(receiver)
    async with posting(one, now=lambda: moment):
        one.line.offer(news())
        await until(lambda: one.line.results["retried"] == 1)
        moment = 1.5
        await until(lambda: one.line.results["retried"] == 2)
        assert one.line.until == 10.5
        moment = 11.0
        await until(lambda: one.line.results["sent"] == 1)


def test_what_was_refused_or_given_up_is_logged_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        refusing, broken = webhook(Receiver(Answer(410, None, b"")), "refusing"), webhook(Receiver(OSError()), "broken")
        broken.line.follow("low", tries=1)
        async with posting(refusing, broken):
            for one in (refusing, broken):
                one.line.offer(news())
            await until(lambda: refusing.line.results["refused"] and broken.line.results["failed"])

    caplog.set_level(logging.WARNING, "penstock")
    asyncio.run(go())
    assert "the webhook refusing refused alert a1: it answered 410" in caplog.text
    assert "alert a1 was not told to the webhook broken: it cannot be reached" in caplog.text
    assert "planted" not in caplog.text

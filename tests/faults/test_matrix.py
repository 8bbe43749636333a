"""Every fault of an upstream × {stream, plain, collected} × {nobody else, a healthy second upstream, a fallback model},
with the real client: the answer is whole wherever somebody can give it, and where nobody can, an error says whose fault
it was. A collected call is a plain one under ``rescue: all``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import openai
import pytest
from openai import OpenAI

from tests.faults.conftest import RESTING
from tests.faults.talk import TEXT
from tests.faults.upstream import FaultyUpstream
from tests.support.running_gateway import RunningGateway
from tests.support.whole import admin, until

MOST = 3
"""Attempts a model: as configured, two after the first."""
SECONDS = 6.0
"""``timeouts.total`` and some."""
ASK = [{"role": "user", "content": "count"}]


@dataclass(frozen=True)
class Error:
    """What the caller is told. ``status`` 0: the answer had begun, so the stream or the connection ends with it."""

    status: int
    fault: str = "upstream"


WHOLE = None
"""The whole answer, exactly."""
Outcome = Error | None
BEGUN = Error(0)
BROKEN = Error(502)
LATE = Error(504, "gateway")
"""``timeouts.total`` is ours."""


@dataclass(frozen=True)
class Row:
    """What is right for one fault and form: with nobody else, with a second upstream, with a fallback model.

    ``attempts`` at the faulty one when it is alone (None: any up to the most). ``rescued``: a stream that has begun
    is finished by another, which takes the rescue of streams.
    """

    fault: str
    forms: str
    alone: Outcome
    pair: Outcome = WHOLE
    fallback: Outcome = WHOLE
    attempts: int | None = None
    rescued: bool = False
    seconds: float = SECONDS


BOTH = "stream plain collected"
STREAM = "stream collected"
ROWS = [
    Row("reset", BOTH, Error(502), attempts=3),
    Row("closed", BOTH, Error(502), attempts=3),
    Row("refused", BOTH, Error(502)),
    Row("silent", STREAM, Error(504), attempts=1),
    # Until its deadline a whole answer may take: then there is no time left for another.
    Row("silent", "plain", LATE, LATE, LATE, attempts=1),
    Row("late", STREAM, Error(504), attempts=1),
    Row("late", "plain", WHOLE, attempts=1),
    Row("silent-head", STREAM, Error(504), attempts=1),
    Row("silent-comment", STREAM, Error(504), attempts=1),
    Row("cut-head", STREAM, Error(502), attempts=3),
    Row("garbage-head", BOTH, Error(502), attempts=1),
    Row("limited", BOTH, Error(429), attempts=3),
    Row("limited-once", BOTH, WHOLE, attempts=2),
    Row("limited-long", BOTH, Error(429), attempts=1),
    Row("out-of-quota", BOTH, Error(429), attempts=1),
    Row("broken", BOTH, Error(500), attempts=3),
    Row("broken-once", BOTH, WHOLE, attempts=2),
    Row("overloaded", BOTH, Error(503), attempts=3),
    Row("flapping", BOTH, WHOLE, attempts=2),
    Row("unauthorized", BOTH, Error(502), attempts=1),
    Row("filtered", BOTH, Error(400), Error(400), Error(400), attempts=1),
    Row("too-long", BOTH, Error(400), Error(400), WHOLE, attempts=1),
    Row("wrong", BOTH, Error(400), Error(400), Error(400), attempts=1),
    Row("cut", "stream", BEGUN, rescued=True),
    Row("cut", "collected", BROKEN, rescued=True),
    Row("reset-midway", "stream", BEGUN, rescued=True),
    Row("reset-midway", "collected", BROKEN, rescued=True),
    Row("stall", "stream", BEGUN, rescued=True),
    Row("stall", "collected", Error(504), rescued=True),
    Row("ended-early", "stream", BEGUN, rescued=True),
    Row("ended-early", "collected", BROKEN, rescued=True),
    Row("done-early", "stream", BEGUN, rescued=True),
    Row("done-early", "collected", BROKEN, rescued=True),
    Row("garbage", "stream", BEGUN, rescued=True),
    Row("garbage", "collected", BROKEN, rescued=True),
    Row("error-event", "stream", BEGUN, rescued=True),
    Row("error-event", "collected", BROKEN, rescued=True),
    Row("error-event-first", STREAM, Error(502), rescued=True),
    Row("malformed-event", STREAM, WHOLE, rescued=True),
    Row("cut", "plain", BEGUN, BEGUN, BEGUN),
    Row("stall", "plain", BEGUN, BEGUN, BEGUN, seconds=2.0),
    Row("no-done", STREAM, WHOLE, attempts=1),
    Row("no-done-held", STREAM, WHOLE, attempts=1, rescued=True),
]
CELLS = [
    pytest.param(row, form, company, id=f"{row.fault}-{form}-{company}")
    for row in ROWS for form in row.forms.split() for company in ("alone", "pair", "fallback")
]  # fmt: skip


@pytest.fixture(scope="module")
def collected(collecting: RunningGateway) -> Iterator[OpenAI]:
    """A client of the gateway that collects."""
    with OpenAI(base_url=collecting.v1, api_key="none", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def client(gateway: RunningGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.v1, api_key="none", max_retries=0, timeout=10) as client:
        yield client


class Truncated(Exception):
    """An answer that ended in good order before all was said."""


def answer(client: OpenAI, model: str, form: str) -> str:
    """The text of an answer that ended as one should. Raises the client's errors."""
    if form != "stream":
        (choice,) = client.chat.completions.create(model=model, messages=ASK).choices
        return choice.message.content
    text, finish = "", None
    for part in client.chat.completions.create(model=model, messages=ASK, stream=True):
        for choice in part.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            assert TEXT.startswith(text), f"wrong words: {text!r}"
    if finish != "stop":
        raise Truncated(text)
    return text


def outcome(client: OpenAI, model: str, form: str) -> Outcome:
    """What the caller sees; a wrong or truncated answer is an exception that nobody catches."""
    try:
        text = answer(client, model, form)
    except openai.APIStatusError as error:
        return Error(error.status_code, error.response.headers.get("x-penstock-fault", "upstream"))
    except openai.APIError:  # an error event, or a connection broken in the answer
        return BEGUN
    assert text == TEXT
    return WHOLE


@pytest.mark.parametrize(("row", "form", "company"), CELLS)
def test_cell(
    row: Row, form: str, company: str, client: OpenAI, collected: OpenAI, faulty: FaultyUpstream,
    gateway: RunningGateway, collecting: RunningGateway,
) -> None:  # fmt: skip
    if form == "collected":
        client, gateway = collected, collecting
    wanted: Outcome = getattr(row, company)
    began = time.monotonic()
    again = "-again" if form == "plain" and row.fault in RESTING else ""
    got = outcome(client, f"{row.fault}{again}.{company}", form)
    took = time.monotonic() - began
    if row.rescued and company == "alone" and got is WHOLE:
        pass  # it may be finished where it was begun
    else:
        assert got == wanted
    assert took < row.seconds
    asked = faulty.seen[row.fault]
    assert asked <= MOST
    if company == "alone" and row.attempts is not None:
        assert asked == row.attempts
    assert faulty.seen["well"] <= (wanted is WHOLE and company != "alone")
    check_quiet(gateway, faulty)
    assert answer(client, "well", form) == TEXT


def check_quiet(gateway: RunningGateway, faulty: FaultyUpstream) -> None:
    """Nobody is served and nobody serves: no seat is taken, no upstream is kept busy."""
    until(lambda: not faulty.busy, 2)

    def seats() -> list[str]:
        lines = admin(gateway, "/metrics").splitlines()
        named = [line for line in lines if line.startswith(("penstock_upstream_in_flight{", "penstock_in_flight "))]
        assert len(named) > 2
        return [line for line in named if not line.endswith(" 0")]

    until(lambda: not seats(), 2)


@pytest.mark.parametrize("second", ["refuses-prefill", "restarts"])
def test_a_rescuer_that_takes_no_prefill_is_asked_in_another_way(
    second: str, client: OpenAI, faulty: FaultyUpstream, gateway: RunningGateway
) -> None:
    """Its refusal is nothing that the caller sees, and is remembered: it is not asked for more than it can again."""
    assert answer(client, f"cut.{second}", "stream") == TEXT
    first = faulty.seen[second]
    assert 1 <= first <= MOST
    assert answer(client, f"cut.{second}", "stream") == TEXT
    assert faulty.seen[second] == first + 1
    check_quiet(gateway, faulty)


def test_the_wait_that_an_upstream_asks_for_is_kept_unless_another_can_serve(
    client: OpenAI, faulty: FaultyUpstream
) -> None:
    began = time.monotonic()
    assert answer(client, "limited-once.alone", "plain") == TEXT
    assert time.monotonic() - began >= 1.0
    faulty.reset()
    began = time.monotonic()
    assert answer(client, "limited-once.pair", "plain") == TEXT
    assert time.monotonic() - began < 1.0


def test_a_wait_too_long_is_told_to_the_caller(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        answer(client, "limited-long.alone", "stream")
    assert 60 < int(caught.value.response.headers["retry-after"]) <= 120

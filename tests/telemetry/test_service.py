import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from penstock.core.call import Headers
from penstock.core.errors import UpstreamError
from penstock.net.outward import Answer
from penstock.telemetry import service as module
from penstock.telemetry.counts import Counts
from penstock.telemetry.service import LONGEST_PAUSE, RETRYABLE, Sending
from tests.support.logs import looped

OK = Answer(200, None, b"")


class Source:
    """Batches of one item each."""

    def __init__(self, signal: str = "traces", *, keeps: bool = True, batches: int = 1) -> None:
        self.signal = signal
        self.keeps = keeps
        self.made = 0
        self.batches = batches
        self.dropped = ""

    def work(self) -> bool:
        return False

    def batch(self, now: float, *, everything: bool = False) -> tuple[bytes, int] | None:
        if self.made >= self.batches:
            return None
        self.made += 1
        return b"batch %d" % self.made, 1

    def drop(self, why: str) -> int:
        self.dropped = why
        return 0


class Receiver:
    """Answers as told, then with 200."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.got: list[bytes] = []

    async def __call__(self, headers: Headers, body: bytes, within: float) -> Answer:
        assert headers == [(b"a", b"b")]
        self.got.append(body)
        answer = self.answers.pop(0) if self.answers else OK
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0


def sending(
    source: Source, receiver: Any, clock: Clock | None = None, before_end: Callable[[], None] = lambda: None
) -> tuple[Sending, Counts]:
    counts = Counts()
    clock = clock or Clock()
    made = Sending(
        source, counts, wall=lambda: clock.now, now=lambda: clock.now, uniform=lambda low, high: 1.0,
        before_end=before_end,
    )  # fmt: skip
    made.follow(receiver, [(b"a", b"b")], "http/protobuf", 5.0)
    return made, counts


@looped
async def test_a_batch_arrives() -> None:
    receiver = Receiver()
    made, counts = sending(Source(), receiver)
    assert await made.once()
    assert not await made.once(), "there is no more"
    assert receiver.got == [b"batch 1"]
    assert (counts.sent["traces"], counts.requests) == (1, {("traces", "ok"): 1})


@pytest.mark.parametrize("status", RETRYABLE)
def test_what_may_be_taken_later_is_sent_again_as_it_is(status: int) -> None:
    async def go() -> None:
        receiver = Receiver(Answer(status, None, b""))
        made, counts = sending(Source(batches=2), receiver)
        assert not await made.once()
        assert made.held == 1
        assert await made.once()
        assert receiver.got == [b"batch 1", b"batch 1"]
        assert counts.dropped == {}

    asyncio.run(go())


@looped
async def test_pauses_double_and_begin_anew_when_it_is_well_again() -> None:
    clock = Clock()
    receiver = Receiver(*[UpstreamError("down")] * 9)
    made, _ = sending(Source(batches=9), receiver, clock)
    pauses = []
    for _ in range(9):
        await made.once()
        pauses.append(made._until - clock.now)
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE
    assert await made.once()
    receiver.answers = [UpstreamError("down")]
    await made.once()
    assert made._until - clock.now == 1.0


@looped
async def test_a_receiver_may_say_how_long_to_wait() -> None:
    clock = Clock()
    made, _ = sending(Source(), Receiver(Answer(429, 17.0, b"")), clock)
    await made.once()
    assert made._until == 117.0


@pytest.mark.parametrize("status", [400, 401, 404, 301, 500])
def test_what_will_never_be_taken_is_dropped_and_counted(status: int, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        made, counts = sending(Source(batches=2), Receiver(Answer(status, None, b"secret words")))
        assert await made.once()
        assert await made.once(), "the next one is another chance"
        assert counts.dropped == {("traces", "refused"): 1}
        assert counts.sent["traces"] == 1

    caplog.set_level(logging.WARNING, "penstock")
    asyncio.run(go())
    assert f"it answered {status}" in caplog.text
    assert "secret words" not in caplog.text


@looped
async def test_what_a_receiver_took_in_part_is_counted_so() -> None:
    partial = ExportMetricsPartialSuccess(rejected_data_points=1)
    body = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    made, counts = sending(Source("metrics"), Receiver(Answer(200, None, body)))
    await made.once()
    assert (counts.sent["metrics"], counts.dropped) == (0, {("metrics", "refused"): 1})


@looped
async def test_batches_that_count_from_the_start_are_made_anew() -> None:
    receiver = Receiver(TimeoutError())
    made, counts = sending(Source("metrics", keeps=False, batches=2), receiver)
    assert not await made.once()
    assert made.held == 0
    assert await made.once()
    assert receiver.got == [b"batch 1", b"batch 2"]
    assert counts.dropped == {}


def test_a_receiver_that_is_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        clock = Clock()
        made, _ = sending(Source(), Receiver(*[UpstreamError("it is down")] * 5), clock)
        for _ in range(4):
            await made.once()
        clock.now += 601.0
        await made.once()

    caplog.set_level(logging.WARNING, "penstock")
    asyncio.run(go())
    assert [record.getMessage() for record in caplog.records] == [
        "traces cannot be sent: it is down; it is tried again"
    ] * 2


@looped
async def test_another_receiver_gets_what_the_first_did_not_take() -> None:
    made, counts = sending(Source(), Receiver(UpstreamError("down")))
    await made.once()
    other = Receiver()
    made.follow(other, [(b"a", b"b")], "http/protobuf", 5.0)
    assert await made.once()
    assert (other.got, counts.dropped) == ([b"batch 1"], {})


@looped
async def test_another_form_lets_go_of_what_was_on_its_way() -> None:
    made, counts = sending(Source(batches=2), Receiver(UpstreamError("down")))
    await made.once()
    other = Receiver()
    made.follow(other, [(b"a", b"b")], "http/json", 5.0)
    assert counts.dropped == {("traces", "off"): 1}
    assert await made.once()
    assert other.got == [b"batch 2"]
    made.follow(None, [], "", 0.0)
    assert not await made.once()


async def ended(made: Sending) -> None:
    """Run, then be cancelled in the first pause."""
    task = asyncio.create_task(made.run())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled(), "it says that it was"


@looped
async def test_what_is_left_at_the_end_goes_out() -> None:
    source = Source(batches=0)

    def last_ones() -> None:
        source.batches = 3

    receiver = Receiver()
    made, counts = sending(source, receiver, before_end=last_ones)
    await ended(made)
    assert receiver.got == [b"batch 1", b"batch 2", b"batch 3"]
    assert (counts.sent["traces"], source.dropped) == (3, "stopped")


@looped
async def test_the_end_waits_for_nobody_longer_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    hung = asyncio.Event()

    async def hangs(headers: Headers, body: bytes, within: float) -> Answer:
        await hung.wait()
        return OK

    made, counts = sending(Source(), hangs)
    async with asyncio.timeout(20):
        await ended(made)
    assert counts.dropped == {("traces", "stopped"): 1}


@looped
async def test_a_receiver_that_is_away_at_the_end_is_not_asked_again() -> None:
    receiver = Receiver(UpstreamError("down"))
    made, counts = sending(Source(batches=3), receiver)
    await ended(made)
    assert len(receiver.got) == 1
    assert counts.dropped == {("traces", "stopped"): 1}


@looped
async def test_running_it_sends_batch_after_batch_and_pauses_when_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.0)
    clock = Clock()
    receiver = Receiver(OK, OK, UpstreamError("down"))
    source = Source(batches=5)
    made, counts = sending(source, receiver, clock)
    task = asyncio.create_task(made.run())
    async with asyncio.timeout(20):
        while counts.requests["traces", "failed"] == 0:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(receiver.got) == 3, "it pauses"
        clock.now += 1.5
        while counts.sent["traces"] < 5:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert receiver.got[2:4] == [b"batch 3", b"batch 3"]

"""Whoever leaves costs nobody anything from then on, whatever was being done for it: its upstream hears of it within
100 ms, its seat is free, what it had received is accounted for.
"""

import asyncio
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.upstream import FaultyUpstream
from tests.support.load import chat
from tests.support.running_gateway import RunningGateway
from tests.support.whole import admin, until

AT_ONCE_SECONDS = 0.1
TRIES = 3
"""A busy machine may hold us up once; a gateway that does not pass it on is late each time."""
SYN_SENT = "02"


@contextmanager
def calling(gateway: RunningGateway, model: str, *, stream: bool = True) -> Iterator[socket.socket]:
    """A caller that has sent its request and reads nothing unless told. It hangs up when the block ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as line:
        line.sendall(chat(model, stream=stream, keep=True))
        yield line


def metric(gateway: RunningGateway, name: str) -> float:
    """The sum of the samples whose line begins so."""
    lines = admin(gateway, "/metrics").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def seats(gateway: RunningGateway, upstream: str) -> float:
    return metric(gateway, f'penstock_upstream_in_flight{{upstream="{upstream}"}}')


def best(attempt: Callable[[], float]) -> float:
    return min(attempt() for _ in range(TRIES))


def left_during(gateway: RunningGateway, faulty: FaultyUpstream, model: str, *, begun: bool, stream: bool) -> float:
    """Seconds from a caller's leaving to the upstream's hearing of it."""
    faulty.reset()
    with calling(gateway, model, stream=stream) as line:
        assert faulty.arrived.wait(5)
        if begun:
            assert line.recv(1 << 16)
        left = time.perf_counter()
    until(lambda: faulty.hung_up)
    assert (faulty.hung_up[0] > left, faulty.aborted.total(), faulty.seen.total()) == (True, 1, 1)
    until(lambda: seats(gateway, model.partition(".")[0]) == 0)
    return faulty.hung_up[0] - left


@pytest.mark.parametrize(
    ("fault", "begun", "stream"),
    [
        pytest.param("silent", False, True, id="waiting for headers"),
        pytest.param("silent", False, False, id="waiting for a whole answer"),
        pytest.param("silent-head", False, True, id="before the first token"),
        pytest.param("silent-comment", False, True, id="while the first chunk is held"),
        pytest.param("slow-refusal", False, True, id="while an error is read"),
        pytest.param("stall", True, True, id="in a stream that stalls"),
        pytest.param("endless", True, True, id="in a stream that flows"),
    ],
)
def test_a_caller_that_leaves_is_heard_at_the_upstream_at_once(
    fault: str, begun: bool, stream: bool, gateway: RunningGateway, faulty: FaultyUpstream
) -> None:
    def attempt() -> float:
        return left_during(gateway, faulty, f"{fault}.alone", begun=begun, stream=stream)

    assert best(attempt) < AT_ONCE_SECONDS


def freed(gateway: RunningGateway, upstream: str, left: float, to: int = 0) -> float:
    """Seconds since ``left`` until only ``to`` seats are taken."""
    until(lambda: seats(gateway, upstream) == to, 0.9)
    return time.perf_counter() - left


def test_queued_for_a_connection(gateway: RunningGateway, faulty: FaultyUpstream) -> None:
    with calling(gateway, "one-seat") as first:
        assert first.recv(1 << 16)

        def attempt() -> float:
            with calling(gateway, "one-seat"):
                until(lambda: seats(gateway, "one-seat") == 2)
                left = time.perf_counter()
            return freed(gateway, "one-seat", left, 1)

        assert best(attempt) < AT_ONCE_SECONDS
    until(lambda: seats(gateway, "one-seat") == 0)
    assert faulty.seen["endless"] == 1, "one that had left was sent on"
    with calling(gateway, "one-seat") as next_one:
        assert next_one.recv(1 << 16).startswith(b"HTTP/1.1 200")


def dialling(port: int) -> int:
    """Connections to ``port`` that wait to be accepted."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] == SYN_SENT for row in rows)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are counted by Linux's table")
def test_while_connecting(gateway: RunningGateway, black_hole: int) -> None:
    fillers = dialling(black_hole)

    def attempt() -> float:
        with calling(gateway, "black-hole"):
            until(lambda: dialling(black_hole) == fillers + 1, 0.9)
            left = time.perf_counter()
        until(lambda: dialling(black_hole) == fillers, 0.9)
        gone = time.perf_counter()
        freed(gateway, "black-hole", left)
        return gone - left

    assert best(attempt) < AT_ONCE_SECONDS


def test_while_a_retry_waits(gateway: RunningGateway, faulty: FaultyUpstream) -> None:
    def attempt() -> float:
        with calling(gateway, "overloaded-wait.alone"):
            assert faulty.arrived.wait(5)
            until(lambda: not faulty.busy)
            faulty.arrived.clear()
            left = time.perf_counter()
        return freed(gateway, "overloaded-wait", left)

    assert best(attempt) < AT_ONCE_SECONDS
    assert not faulty.arrived.wait(0.5), "it was tried again for nobody"
    assert faulty.seen["overloaded-wait"] == TRIES


def test_what_was_received_before_leaving_is_accounted_for(gateway: RunningGateway, faulty: FaultyUpstream) -> None:
    """No usage comes from a stream that is left: the events that were passed on are counted instead."""
    name = 'penstock_tokens_total{model="endless.alone",upstream="endless",kind="completion"}'
    before, left = metric(gateway, name), metric(gateway, "penstock_callers_left_total")
    with calling(gateway, "endless.alone") as line:
        got = b""
        while got.count(b'"w "') < 10:
            got += line.recv(1 << 16)
    until(lambda: metric(gateway, "penstock_callers_left_total") == left + 1)
    counted = metric(gateway, name) - before
    sent = got.count(b'"w "')
    assert sent <= counted <= sent + 5


def test_many_that_leave_together_leave_nothing_behind(gateway: RunningGateway, faulty: FaultyUpstream) -> None:
    """Each at a moment of its own, so that every step is met."""

    async def leave_after(seconds: float) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(chat("endless.alone", stream=True, keep=True))
        await asyncio.sleep(seconds)
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(leave_after(number / 1000) for number in range(100)))

    asyncio.run(all_of_them())
    until(lambda: seats(gateway, "endless") == 0, 2)
    until(lambda: not faulty.busy, 2)
    assert faulty.aborted["endless"] == faulty.seen["endless"]
    open_now = re.search(r'penstock_upstream_connections\{upstream="endless"\} (\d+)', admin(gateway, "/metrics"))
    assert open_now is not None
    assert open_now[1] == "0"

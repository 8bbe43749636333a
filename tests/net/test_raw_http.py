"""The gateway against raw bytes on a socket: each row of probes.py, then what no single row can say."""

import asyncio
import logging

import pytest

from tests.net.probes import PROBES, Probe, get
from tests.support.gateway import ECHO, Running, parse_answers, raw, running_gateway
from tests.support.loops import run

LIMITS = "listen: {body_timeout: 5s, head_timeout: 5s, first_byte_timeout: 5s}\n"


async def exchange(port: int, data: bytes, answers: int, *, head_only: bool) -> tuple[list[int], bool]:
    """Send ``data``; returns the statuses that came, and whether the server then closed. An open connection is one
    that serves another request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        async with asyncio.timeout(10):
            while len(statuses := seen(got, head_only=head_only)) < answers:
                more = await reader.read(65536)
                if not more:
                    return statuses, True
                got += more
            before = len(got)
            try:
                writer.write(get())
                while len(seen(got[before:], head_only=False)) < 1:
                    more = await reader.read(65536)
                    if not more:
                        return seen(got, head_only=head_only), True
                    got += more
            except ConnectionError:
                return statuses, True
        return statuses, False
    finally:
        writer.close()


def seen(data: bytes, *, head_only: bool) -> list[int]:
    try:
        answers = parse_answers(data, head_only=head_only)
    except AssertionError:  # a head is not here whole
        return []
    return [answer.status for answer in answers if answer.whole]


async def judge(gateway: Running, probe: Probe) -> str:
    data = probe.raw.replace(b"KEY", gateway.key.encode())
    statuses, closed = await exchange(gateway.port, data, len(probe.answers), head_only=probe.raw.startswith(b"HEAD"))
    trouble = ""
    if tuple(statuses) != probe.answers or closed != probe.closes:
        trouble = f"{probe.name}: {statuses}{' closed' if closed else ''}, not {probe.answers}, closes={probe.closes}"
    if b" 200 " not in (await raw(gateway.port, get(b"/health", b"Connection: close")))[:16]:
        trouble += f"; after {probe.name} a healthy request failed"
    return trouble


def test_every_probe_is_answered_as_the_rfc_wants(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[str]:
        async with running_gateway(ECHO + LIMITS) as gateway:
            troubles = [await judge(gateway, probe) for probe in PROBES]
            assert gateway.gateway.ledger.held == 0
        return [trouble for trouble in troubles if trouble]

    assert len({probe.name for probe in PROBES}) == len(PROBES)
    troubles = run(main())
    assert not troubles, "\n".join(troubles)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

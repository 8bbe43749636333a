import asyncio
import json
import os
from typing import Any

import pytest

from penstock.assemble_keys import key_store
from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.edge.live_routes import MOST_VIEWERS, Feed, event
from penstock.process.loop import run
from tests.support.gateway import ECHO, Running, ask, request, running_gateway
from tests.support.stores import until


class Seen:
    """A Sink."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        assert not self.ends
        self.frames.append(frame)

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


def allowed() -> None: ...


def feed() -> tuple[Feed, list[str]]:
    began: list[str] = []
    return Feed(lambda: began.append("watched")), began


def test_all_viewers_see_the_same_bytes_and_the_first_begins_it() -> None:
    made, began = feed()
    seen = [Seen(), Seen()]
    for sink in seen:
        made.join(100.0, allowed).start(sink)
    frame = event({"calls": 1})
    made.give(frame, 0.0)
    assert began == ["watched"]
    assert seen[0].frames[-1] is seen[1].frames[-1] is frame


def test_who_reads_slowly_gets_the_newest_and_nothing_is_piled_up() -> None:
    made, _ = feed()
    sink = Seen()
    viewer = made.join(100.0, allowed)
    viewer.start(sink)
    viewer.pause()
    for number in range(5):
        made.give(event({"n": number}), 0.0)
    assert len(sink.frames) == 1
    viewer.resume()
    viewer.resume()
    assert sink.frames[1:] == [event({"n": 4})]


def test_cancelled_before_it_began_it_stays_silent() -> None:
    made, _ = feed()
    sink = Seen()
    viewer = made.join(100.0, allowed)
    viewer.cancel("caller gone")
    viewer.start(sink)
    viewer.resume()
    made.give(event({"n": 1}), 0.0)
    assert sink.frames == []


def test_who_is_gone_or_may_no_longer_sees_nothing_more() -> None:
    made, _ = feed()
    rights = [True]

    def may() -> None:
        if not rights:
            raise CallerError("revoked", status=401)

    gone, barred = Seen(), Seen()
    first, second = made.join(100.0, allowed), made.join(100.0, may)
    first.start(gone)
    second.start(barred)
    first.cancel("caller gone")
    made.give(b"data: 1\n\n", 0.0)
    rights.clear()
    made.give(b"data: 2\n\n", 0.0)
    assert (gone.frames[1:], gone.ends) == ([], [])
    assert (barred.frames[1:], barred.ends) == ([b"data: 1\n\n"], [None])
    assert made.viewers == []


def test_a_viewer_is_sent_away_after_its_time_to_come_again() -> None:
    made, _ = feed()
    sink = Seen()
    made.join(10.0, allowed).start(sink)
    made.give(b"data: 1\n\n", 9.9)
    assert sink.ends == []
    made.give(b"data: 2\n\n", 10.0)
    assert sink.frames[-1].startswith(b"event: again")
    assert sink.ends == [None]


def test_viewers_are_bounded() -> None:
    made, _ = feed()
    for _ in range(MOST_VIEWERS):
        made.join(1.0, allowed)
    with pytest.raises(GatewayError, match="watching already"):
        made.join(1.0, allowed)
    made.end()
    assert made.viewers == []


async def watch(gateway: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request("GET", "/admin/v1/live", [gateway.bearer], keep=True))
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"text/event-stream" in head
    return reader, writer


async def next_value(reader: asyncio.StreamReader) -> Any:
    while not (line := await reader.readline()).startswith(b"data: {"):
        assert line, "the stream ended"
    return json.loads(line[6:])


def test_each_second_over_http_and_nothing_while_nobody_watches() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway, asyncio.timeout(20):
            dashboard = gateway.gateway.dashboard
            (one, writer), (other, last) = await watch(gateway), await watch(gateway)
            assert len(dashboard.feed.viewers) == 2
            values = [await next_value(one) for _ in range(2)]
            assert values[1]["at"] > values[0]["at"]
            assert values[0]["upstreams"][0]["name"] == "echo"
            assert (await next_value(other))["workers"] == 1
            writer.close()
            await until(lambda: len(dashboard.feed.viewers) == 1)
            dashboard.feed.end()
            assert b"event: again" in await other.readuntil(b"0\r\n\r\n")
            last.close()
            await until(lambda: dashboard._running is not None and dashboard._running.done())

    run(main())


def test_a_revoked_key_ends_the_stream() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway, asyncio.timeout(20):
            reader, writer = await watch(gateway)
            await next_value(reader)
            ring = gateway.gateway.keys.ring
            assert ring is not None
            store = key_store(gateway.gateway.config, os.environ)
            store.open()
            store.revoke(store.keys[0].id)
            ring.replace(store.keys)
            await reader.readuntil(b"0\r\n\r\n")
            writer.close()

    run(main())


def test_once_and_for_whom() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            told = (await ask(gateway.port, "GET", "/admin/v1/live?once", [gateway.bearer])).json()
            assert told["memory"]["share"] > 0
            assert (await ask(gateway.port, "GET", "/admin/v1/live")).status == 401
            assert gateway.gateway.dashboard.feed.viewers == []

    run(main())

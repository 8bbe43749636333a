"""Readers that do not read, through real sockets: their upstreams stop, the others flow, and the policy ends it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from tests.net.caller import Caller, calling, settled
from tests.net.upstream import Line, scripted
from tests.support.gateway import Running, ask, running_gateway
from tests.support.loops import run
from tests.support.streams import DONE, FINISH, ROLE, said, text_of

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WORD = "penstock "
WORDS = 60_000
"""Some 7 MB of events: far more than sockets swallow."""


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def asked(gateway: Running) -> bytes:
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (gateway.key.encode(), len(body), body)
    )


class Source:
    """An upstream that tells each line ``WORDS`` words, as fast as it is read; ``sent`` counts them, by line."""

    def __init__(self, words: int = WORDS) -> None:
        self.words = words
        self.sent: list[int] = []

    async def __call__(self, line: Line) -> None:
        await line.request()
        number = len(self.sent)
        self.sent.append(0)
        line.send(HEAD + chunk(ROLE))
        batch = chunk(said(WORD) * 100)
        for _ in range(self.words // 100):
            line.send(batch)
            await line.writer.drain()
            self.sent[number] += 100
        line.send(chunk(FINISH + DONE) + b"0\r\n\r\n")
        await line.hang_up_seen()

    async def stands(self, number: int = 0) -> int:
        """Wait until nothing more is taken from the line ``number``; what was sent by then."""
        seen, looks = -1, 0
        while looks < 15:  # many turns of the loop: a process that is held up for long makes but one
            looks = looks + 1 if seen == self.sent[number] else 0
            seen = self.sent[number]
            await asyncio.sleep(0.02)
        return seen


Act = Callable[[Running, Caller, Source], Awaitable[None]]


def slowly(act: Act, streaming: str = "", more: str = "") -> None:
    """``act`` with a caller that has asked for a stream and does not read it."""
    source = Source()

    async def main() -> None:
        async with scripted(source) as upstream:
            config = f"""
upstreams: {{up: {{kind: vllm, base_url: "http://127.0.0.1:{upstream.port}/v1"}}}}
models: {{m: {{upstreams: [up]}}}}
scrape: {{enabled: false}}
streaming: {{{streaming}}}
{more}
"""
            async with running_gateway(config) as gateway, calling(gateway.port, receive_buffer=4096) as caller:
                caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
                caller.send(asked(gateway))
                await settled(lambda: bool(source.sent and source.sent[0]))
                await act(gateway, caller, source)
            await settled(lambda: gateway.gateway.ledger.held == 0)
            assert gateway.gateway.streams is not None
            assert gateway.gateway.streams.counts.levels == {"normal": 0, "moderate": 0, "severe": 0}
            assert gateway.gateway.streams.counts.paused == 0

    run(main())


async def read_on(caller: Caller) -> bytes:
    """The rest of the answer, without its head and chunking."""
    caller.writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        while await caller.more(1 << 20):
            pass
    body = bytes(caller.got).partition(b"\r\n\r\n")[2]
    parts, at = [], 0
    while at < len(body):
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(parts)


def number_of(gateway: Running, action: str, reason: str) -> int:
    assert gateway.gateway.streams is not None
    return gateway.gateway.streams.counts.of(action, reason)


@pytest.mark.parametrize("policy", ["pause", "coalesce", "drop_nonessential"])
def test_its_upstream_stops_and_no_word_is_lost(policy: str) -> None:
    async def act(gateway: Running, caller: Caller, source: Source) -> None:
        stood = await source.stands()
        assert stood < WORDS * 3 // 4 or policy == "coalesce"
        held = gateway.gateway.ledger.accounts["buffers"].held
        assert 0 < held < 1 << 20
        answer = await read_on(caller)
        assert text_of(answer) == WORD * WORDS
        assert answer.endswith(FINISH + DONE)
        events = answer.count(b"data: ")
        if policy == "coalesce":
            assert events < WORDS // 2
            assert number_of(gateway, "merged", "slow_reader") + events == WORDS + 3
        else:
            assert events == WORDS + 3

    slowly(act, f"on_slow_reader: {policy}")


def test_pressure_delays_and_merges_stand_in_the_metrics() -> None:
    async def told(gateway: Running) -> dict[str, float]:
        page = (await ask(gateway.port, "GET", "/metrics")).body.decode()
        lines = [line.rpartition(" ") for line in page.splitlines() if line.startswith("penstock_stream")]
        return {name.removeprefix("penstock_stream"): float(number) for name, _, number in lines}

    async def act(gateway: Running, caller: Caller, source: Source) -> None:
        await source.stands()
        under = await told(gateway)
        assert under['s{pressure="severe"}'] + under['s{pressure="moderate"}'] == 1
        assert under['s{pressure="normal"}'] == 0
        assert under["s_paused"] == 1
        assert under['_actions_total{action="paused",reason="slow_reader"}'] == 1
        assert under['_actions_total{action="delayed",reason="pressure"}'] > 0
        assert under['_delay_seconds_total{reason="pressure"}'] > 0
        assert under['_actions_total{action="dropped",reason="nonessential"}'] == 0
        await read_on(caller)
        over = await told(gateway)
        assert over['s{pressure="severe"}'] + over['s{pressure="moderate"}'] + over["s_paused"] == 0

    slowly(act, "on_slow_reader: drop_nonessential, buffer: 4MiB")


def test_nobody_else_waits_for_it() -> None:
    async def act(gateway: Running, caller: Caller, source: Source) -> None:
        await source.stands()
        source.words = 1000
        async with asyncio.timeout(5), calling(gateway.port) as other:
            other.send(asked(gateway))
            assert text_of(await read_on(other)) == WORD * 1000

    slowly(act)


@pytest.mark.parametrize(
    ("streaming", "more", "code", "reason"),
    [
        ("slow_reader_timeout: 300ms", "", b"slow_reader", "slow_reader"),
        ("on_slow_reader: cut, buffer: 64KiB", "", b"slow_reader", "buffer_full"),
        ("on_slow_reader: coalesce, buffer: 8MiB", "memory: {buffers: 1MiB}", b"gateway_overloaded", "buffers_full"),
    ],
)
def test_the_cut_is_told_and_the_upstream_let_go(streaming: str, more: str, code: bytes, reason: str) -> None:
    async def act(gateway: Running, caller: Caller, source: Source) -> None:
        await settled(lambda: number_of(gateway, "cut", reason) == 1)
        answer = await read_on(caller)
        assert code in answer[-400:]
        assert DONE not in answer
        assert text_of(answer.rpartition(b"data: ")[0]) in WORD * WORDS

    slowly(act, streaming, more)


def test_a_silent_upstream_is_covered_by_keep_alives_between_events() -> None:
    async def quiet(line: Line) -> None:
        await line.request()
        line.send(HEAD + chunk(said("a")))
        await asyncio.sleep(0.7)
        half = said("b")
        line.send(chunk(half[:20]))  # in the middle of an event there is no place for a comment's line
        await asyncio.sleep(0.7)
        line.send(chunk(half[20:] + FINISH + DONE) + b"0\r\n\r\n")
        await line.hang_up_seen()

    async def main() -> None:
        async with scripted(quiet) as upstream:
            config = f"""
upstreams: {{up: {{kind: vllm, base_url: "http://127.0.0.1:{upstream.port}/v1"}}}}
models: {{m: {{upstreams: [up]}}}}
scrape: {{enabled: false}}
streaming: {{heartbeat: 200ms}}
"""
            async with running_gateway(config) as gateway, calling(gateway.port) as caller:
                caller.send(asked(gateway))
                answer = await read_on(caller)
        pings = answer.count(b": keep-alive\n\n")
        assert pings >= 4
        assert answer.replace(b": keep-alive\n\n", b"") == said("a") + said("b") + FINISH + DONE

    run(main())

"""A caller that does not read holds its upstream, not the gateway's memory."""

import asyncio

import pytest

from penstock.net.process import usage
from penstock.net.request_parser import READ_BYTES
from tests.net.caller import calling, settled
from tests.net.probes import LENGTH, post
from tests.net.upstream import Line, scripted
from tests.support.gateway import running_gateway
from tests.support.loops import run

SIZE = 50 * 1024 * 1024
BLOCK = bytes(range(256)) * 256

PIECE = b'data: {"a":"%b"}\n\n' % (b"a" * 65520)
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def unchunked(body: bytes) -> bytes:
    parts, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
        if not size:
            assert at == len(body)
            return b"".join(parts)


@pytest.mark.parametrize("kind", ["length", "chunked", "events"])
def test_fifty_megabytes_nobody_reads(kind: str) -> None:
    block = PIECE if kind == "events" else BLOCK
    count = SIZE // len(block)
    sent = 0

    async def script(line: Line) -> None:
        nonlocal sent
        await line.request()
        content = b"text/event-stream" if kind == "events" else b"application/octet-stream"
        framing = b"Content-Length: %d" % (count * len(block)) if kind == "length" else b"Transfer-Encoding: chunked"
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n\r\n" % (content, framing))
        for _ in range(count):
            line.send(block if kind == "length" else b"%x\r\n%b\r\n" % (len(block), block))
            await line.writer.drain()
            sent += len(block)
        if kind == "events":
            line.send(b"%x\r\n%b\r\n" % (len(END), END))
        if kind != "length":
            line.send(b"0\r\n\r\n")
        await line.hang_up_seen()

    async def main() -> None:
        async with scripted(script) as upstream:
            config = f"""
upstreams: {{up: {{kind: vllm, base_url: "http://127.0.0.1:{upstream.port}/v1"}}}}
models: {{echo: {{upstreams: [up]}}}}
scrape: {{enabled: false}}
"""
            async with running_gateway(config) as gateway, calling(gateway.port, receive_buffer=65536) as caller:
                caller.writer.transport.pause_reading()
                before = usage()["rss"]
                caller.send(post(LENGTH, b"Connection: close").replace(b"KEY", gateway.key.encode()))
                await settled(lambda: sent > 0)
                seen = -1
                while seen != sent:  # until it stands still
                    seen = sent
                    await asyncio.sleep(0.3)
                (connection,) = gateway.gateway.server._connections
                assert not connection.writable
                assert connection.unsent() < 2 * 1024 * 1024
                assert sent < SIZE // 2
                assert usage()["rss"] - before < 16 * 1024 * 1024

                caller.writer.transport.resume_reading()
                async with asyncio.timeout(20):
                    while await caller.more(1 << 20):
                        pass
                head, _, body = bytes(caller.got).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                wanted = block * count + (END if kind == "events" else b"")
                assert (unchunked(body) if kind != "length" else body) == wanted
                await settled(lambda: not gateway.gateway.server.open)
                assert gateway.gateway.ledger.held == 0

    run(main())


def test_a_flood_of_tiny_chunks_is_taken_a_read_at_a_time() -> None:
    """The loop would else do many reads in a row, each 40,000 chunks of work, while everybody waits."""
    count = 700_000

    async def main() -> None:
        async with running_gateway() as gateway, calling(gateway.port) as caller:
            head = post(b"Transfer-Encoding: chunked", body=b"").replace(b"KEY", gateway.key.encode())
            caller.send(head + b"1\r\n \r\n" * count)
            account = gateway.gateway.ledger.accounts["bodies"]
            most = before = 0
            async with asyncio.timeout(20):
                while account.held < count:
                    await asyncio.sleep(0)
                    most, before = max(most, account.held - before), account.held
            assert most <= 2 * READ_BYTES / 6
            caller.send(b"2\r\n{}\r\n0\r\n\r\n")
            await caller.until(b"missing_model")

    run(main())

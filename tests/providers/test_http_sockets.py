"""What an upstream may answer to the handshake of a realtime session, and what the caller is told."""

import asyncio
from typing import Any

import pytest

from penstock.net.server import bind
from penstock.process.loop import run
from tests.net.upstream import OK, Line, Upstream
from tests.support.gateway import Running, running_gateway
from tests.support.realtime import (
    OPEN,
    PATH,
    TEXT,
    accept,
    behind,
    code_of,
    refusal,
    row_of,
    until_clean,
)
from tests.support.socket_caller import HANDSHAKE, dial, frame

WRONG = (
    b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm90IHRoaXMgb25lIQ==\r\n\r\n"
)


def saying(answer: bytes) -> Any:
    async def script(line: Line) -> None:
        await line.request()
        line.send(answer)
        await line.hang_up_seen()

    return script


def agreeing(*fields: bytes) -> Any:
    async def script(line: Line) -> None:
        line.send(accept(await line.request(), *fields))
        await line.hang_up_seen()

    return script


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "malformed HTTP"),
        (saying(b"HTTP/1.1 101 X\r\n\r\n"), "malformed HTTP"),
        (saying(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"), "malformed HTTP"),
        (saying(b"HTTP/1.1 101 X\r\n" + b"A: b\r\n" * 300 + b"\r\n"), "malformed HTTP"),
        (saying(WRONG), "did not prove that it read the handshake"),
        (saying(WRONG.replace(b"websocket", b"h2c")), "switched to another protocol"),
        (saying(OK), "answered 200 and opened no WebSocket"),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), "answered 302"),
        (agreeing(b"Sec-WebSocket-Extensions: permessage-deflate"), "an extension that was not offered"),
        (agreeing(b"Sec-WebSocket-Protocol: other"), "a subprotocol that was not offered"),
        (saying(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\n{}"), "refused the key that this gateway showed it"),
    ],
)
def test_what_is_no_answer_to_a_handshake_is_the_upstreams_failure(script: Any, words: str) -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        answer = await refusal(gateway)
        assert answer.status == 502
        assert answer.headers["x-penstock-fault"] == "upstream"
        assert "'up'" in answer.json()["error"]["message"]
        assert words in answer.json()["error"]["message"]
        async with asyncio.timeout(5):
            await upstream.left.wait()
        assert row_of(gateway)["outcome"] == "error"

    run(behind(script, act))


@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_a_refusal_of_the_upstream_is_passed_on_as_over_http(status: int) -> None:
    body = b'{"error":{"message":"not you"}}'
    head = b"HTTP/1.1 %d No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))

    async def act(gateway: Running, upstream: Upstream) -> None:
        answer = await refusal(gateway)
        assert (answer.status, answer.body) == (status, body)
        async with asyncio.timeout(5):
            await upstream.left.wait()  # a connection that was asked to switch carries nothing else

    run(behind(saying(head + body), act))


def test_an_upstream_that_is_not_there() -> None:
    async def main() -> None:
        listener = bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        listener.close()
        async with running_gateway(OPEN.format(port=port)) as gateway:
            answer = await refusal(gateway)
            assert code_of(answer) == (502, "upstream_unreachable")
            assert "'up'" in answer.json()["error"]["message"]

    run(main())


def test_an_upstream_that_says_nothing_is_waited_for_as_for_a_first_token() -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        assert code_of(await refusal(gateway)) == (504, "upstream_timeout")
        async with asyncio.timeout(5):
            await upstream.left.wait()

    run(behind(saying(b""), act, OPEN + "timeouts: {{first_token: 200ms}}\n"))


def test_a_caller_that_leaves_while_the_upstream_thinks_ends_that_at_once() -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        async with asyncio.timeout(5):
            while not upstream.requests:  # noqa: ASYNC110 - what is awaited has no event of its own
                await asyncio.sleep(0.001)
        writer.transport.abort()
        async with asyncio.timeout(10):
            await upstream.left.wait()
        await until_clean(gateway)
        assert row_of(gateway)["outcome"] == "left"

    run(behind(saying(b""), act))


def test_another_upstream_is_asked_when_the_first_does_not_take_it() -> None:
    async def script(line: Line) -> None:
        head = await line.request()
        if len(line.upstream.requests) == 1:
            line.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            await line.hang_up_seen()
            return
        line.send(accept(head))
        line.send(frame(TEXT, b"here", masked=False))
        await line.reader.read(1)

    async def act(gateway: Running, upstream: Upstream) -> None:
        caller = await dial(gateway.port, path=PATH)
        assert caller.head.startswith(b"HTTP/1.1 101 ")
        assert b"x-penstock-attempts: 2\r\n" in caller.head
        assert await caller.frame() == (TEXT, b"here")
        caller.leave()

    two = OPEN.replace("[up]", "[up, other]").replace("{{max: 0}}", "{{max: 1}}")
    other = '  other: {{kind: vllm, base_url: "http://127.0.0.1:{port}/v1"}}\nmodels:'
    run(behind(script, act, two.replace("models:", other)))

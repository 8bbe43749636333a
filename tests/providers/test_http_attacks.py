"""What callers and upstreams may try through the provider, seen from both sockets."""

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest

from tests.support.gateway import Running, running_gateway
from tests.support.scripted_upstream import EVENTS, Answer, Request, ScriptedUpstream
from tests.support.sockets import Answer as Got
from tests.support.sockets import ask, parse_answers, raw, request

CHAT = "/v1/chat/completions"
ASKED = {"model": "m", "stream": True, "messages": []}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


def config(upstream: ScriptedUpstream, more: str = "") -> str:
    return (
        f'upstreams: {{up: {{kind: openai, base_url: "http://127.0.0.1:{upstream.port}/v1", api_key: sk-up}}}}\n'
        f"models: {{m: {{upstreams: [up]}}}}\n{more}"
    )


async def chat(gateway: Running, **more: object) -> Got:
    return await ask(gateway.port, "POST", CHAT, [gateway.bearer], {**ASKED, **more})


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_where_none_belongs_is_refused(upstream: ScriptedUpstream, method: str, framing: str) -> None:
    """Many servers do not read the body of a GET: it would be the next request on a connection that callers share."""
    planted = b"DELETE /v1/files/other HTTP/1.1\r\nhost: x\r\n\r\n"
    upstream.answers["/v1/files/f1"] = Answer()

    async def main() -> None:
        async with running_gateway(config(upstream)) as gateway:
            fields = [gateway.bearer]
            body = planted
            if framing == "chunked":
                fields.append(("Transfer-Encoding", "chunked"))
                body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(planted), planted)
            answer = await ask(gateway.port, method, "/v1/files/f1", fields, body)
            assert (answer.status, answer.json()["error"]["code"]) == (400, "unexpected_body")
            plain = await ask(gateway.port, method, "/v1/files/f1", [gateway.bearer])
            assert plain.status == 200

    asyncio.run(main())
    assert [one.body for one in upstream.requests] == [b""]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_can_have_no_body_gets_none(upstream: ScriptedUpstream, status: int) -> None:
    """Whatever its fields say: the end of a chunked body would be taken for the beginning of the next answer."""

    def bare(connection: socket.socket, asked: Request) -> None:
        connection.sendall(b"HTTP/1.1 %d X\r\ncontent-type: text/event-stream\r\n\r\n" % status)

    upstream.answers[CHAT] = bare

    async def main() -> None:
        async with running_gateway(config(upstream)) as gateway:
            body = json.dumps(ASKED).encode()
            one = request("POST", CHAT, [gateway.bearer], body, keep=True)
            got = await raw(gateway.port, one + request("GET", "/health"))
            first, second = parse_answers(got)
            assert first.status == status
            assert "transfer-encoding" not in first.headers
            assert second.status == 200

    asyncio.run(main())


def test_a_compressed_stream_is_no_event_stream(upstream: ScriptedUpstream) -> None:
    """We asked for none. Its bytes hold no events that anybody could find; they pass as they are."""
    upstream.answers[CHAT] = Answer(
        headers=(EVENTS, ("content-encoding", "gzip")), chunks=(b"\x1f\x8b\n\nab", b"cd"), gap=0.02
    )

    async def main() -> None:
        async with running_gateway(config(upstream)) as gateway:
            answer = await chat(gateway)
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.body == b"\x1f\x8b\n\nabcd"

    asyncio.run(main())


def test_time_spent_on_a_silent_upstream_is_not_our_overhead(upstream: ScriptedUpstream) -> None:
    def silent(connection: socket.socket, asked: Request) -> None:
        connection.recv(1)

    upstream.answers[CHAT] = silent

    async def main() -> None:
        async with running_gateway(config(upstream, "timeouts: {first_token: 300ms}\nretries: {max: 0}\n")) as gateway:
            answer = await chat(gateway)
            assert answer.status == 504
            assert float(answer.headers["x-penstock-overhead-ms"]) < 200

    asyncio.run(main())

"""The fields of a trace on the way to an upstream: own to each call and attempt, though all else of a head is kept."""

import asyncio
import http.client
import json
from typing import Any

from penstock.core.finished import Finished
from penstock.core.trace import Trace
from penstock.process.loop import run
from tests.support.exchanges import finished
from tests.support.gateway import Running, ask, running_gateway
from tests.support.realtime import OPEN, Far, session
from tests.support.scripted_upstream import Answer, ScriptedUpstream
from tests.support.socket_caller import SocketCaller, dial, frame

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "m", "messages": []}
TRACING = "telemetry: {{otlp: {{endpoint: 'http://127.0.0.1:9', sample: 1}}}}\n"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"


def config(upstream: ScriptedUpstream, more: str = "") -> str:
    return (
        f"upstreams: {{u: {{kind: openai, base_url: '{upstream.url}'{more}}}}}\nmodels: {{m: {{upstreams: [u]}}}}\n"
        "auth: {mode: open}\n" + TRACING.replace("{{", "{").replace("}}", "}")
    )


def fields(upstream: ScriptedUpstream) -> list[str]:
    """The ``traceparent`` of each request; exactly one."""
    found = [[value for name, value in request.headers if name == "traceparent"] for request in upstream.requests]
    assert all(len(values) == 1 for values in found), found
    return [values[0] for values in found]


def test_a_head_that_is_repeated_carries_another_trace_each_time() -> None:
    def several(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for headers in ({}, {}, {}, {"traceparent": GIVEN, "tracestate": "a=1"}, {"traceparent": GIVEN}):
            connection.request("POST", CHAT, json.dumps(BODY), {"content-type": "application/json", **headers})
            assert connection.getresponse().read() == b"{}"
        connection.close()

    async def main() -> None:
        with ScriptedUpstream() as upstream:
            upstream.answers[CHAT] = Answer()
            async with running_gateway(config(upstream)) as gateway:
                await asyncio.to_thread(several, gateway.port)
                await ask(gateway.port, "POST", CHAT, [("traceparent", GIVEN)], BODY)
            sent = fields(upstream)
            assert len({field[3:35] for field in sent[:3]}) == 3, "three traces"
            assert {field[3:35] for field in sent[3:]} == {TRACE}
            assert len({field[36:52] for field in sent}) == len(sent), "each with a span of its own"
            assert not [field for field in sent if PARENT in field]
            states = [request.header("tracestate") for request in upstream.requests]
            assert states == [None, None, None, "a=1", None, None]

    run(main())


def test_a_field_that_the_operator_sets_stays() -> None:
    async def main() -> None:
        with ScriptedUpstream() as upstream:
            upstream.answers[CHAT] = Answer()
            async with running_gateway(config(upstream, ", headers: {x-team: blue}")) as gateway:
                await ask(gateway.port, "POST", CHAT, [("x-team", "red")], BODY)
            assert upstream.requests[0].header("x-team") == "blue"
            assert fields(upstream)

    run(main())


def test_a_body_in_chunks_still_goes_in_chunks() -> None:
    async def main() -> None:
        with ScriptedUpstream() as upstream:
            upstream.answers["/v1/images/edits"] = Answer()
            async with running_gateway(config(upstream)) as gateway:
                head = [("Content-Type", "multipart/form-data; boundary=x"), ("Transfer-Encoding", "chunked")]
                chunked = b"5\r\nhello\r\n0\r\n\r\n"
                assert (await ask(gateway.port, "POST", "/v1/images/edits", head, chunked)).status == 200
            assert upstream.requests[0].body == b"hello"
            assert fields(upstream)

    run(main())


def test_a_realtime_session_carries_it_too() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        lines = [line for line in far.head.lower().split(b"\r\n") if line.startswith(b"trace")]
        assert len(lines) == 1
        assert lines[0].startswith(f"traceparent: 00-{TRACE}-".encode())
        assert PARENT.encode() not in far.head

    session(act, OPEN + TRACING, fields=[("traceparent", GIVEN)])


def test_calls_on_a_socket_go_on_with_the_trace_of_its_handshake() -> None:
    async def main() -> None:
        with ScriptedUpstream() as upstream:
            upstream.answers[CHAT] = Answer()
            async with running_gateway(config(upstream)) as gateway:
                caller = await dial(gateway.port, fields=[("traceparent", GIVEN)])
                for id in ("1", "2"):
                    asked = {"type": "call", "id": id, "path": CHAT, "body": BODY}
                    caller.send(frame(1, json.dumps(asked).encode()))
                    await caller.messages()
                caller.leave()
            sent = fields(upstream)
            assert {field[3:35] for field in sent} == {TRACE}
            assert len({field[36:52] for field in sent}) == 2

    run(main())


def test_work_that_outlives_its_call_is_a_span_below_it() -> None:
    async def main() -> None:
        with ScriptedUpstream() as upstream:
            async with running_gateway(config(upstream)) as gateway:
                observed = gateway.gateway.observed
                assert observed is not None
                taken: list[Any] = []
                observed.takers = [taken.extend]
                kept = finished(trace=Trace(TRACE, 0x10, PARENT, 1, b"", True, 0.0))
                observed.take(kept)
                observed.note(kept)
                observed.hand_on()
                first, second = (Finished._make(row).trace for row in taken)
                assert first is not None
                assert second is not None
                assert (first.span, first.parent) == ("0000000000000010", PARENT)
                assert second.parent == first.span
                assert second.span != first.span

    run(main())

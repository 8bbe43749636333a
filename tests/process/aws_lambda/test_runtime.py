"""The loop of a sandbox between a played runtime API and a played gateway."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.process.aws_lambda.runtime import Runtime
from tests.support.runtime_api import RuntimeApi, Told, balancer_event, url_event

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


async def _hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello")


def _played(serve: Serve, use: Callable[[RuntimeApi], list[Told]], **options: Any) -> tuple[list[Told], list[bytes]]:
    """Run the loop against ``serve`` while ``use`` invokes; what was answered, and the heads the gateway got."""
    heads: list[bytes] = []

    async def main() -> list[Told]:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await serve(reader, writer, heads[-1])
                await writer.drain()
                writer.close()
                await writer.wait_closed()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        with RuntimeApi() as api:
            loop = Runtime(api.address, server.sockets[0].getsockname()[1], **options)
            running = asyncio.ensure_future(loop.run())
            told = await asyncio.to_thread(use, api)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            server.close()
        await asyncio.sleep(0)
        return told

    return asyncio.run(main()), heads


def _one(event: object, **more: Any) -> Callable[[RuntimeApi], list[Told]]:
    def use(api: RuntimeApi) -> list[Told]:
        api.invoke(event, **more)
        return [api.told()]

    return use


def test_a_function_urls_caller_gets_a_stream_and_a_balancers_a_whole_answer() -> None:
    def use(api: RuntimeApi) -> list[Told]:
        api.invoke(url_event("GET", "/x"))
        api.invoke(balancer_event("GET", "/x"))
        return [api.told(), api.told()]

    (stream, whole), _ = _played(_hello, use)
    assert stream.path == "/2018-06-01/runtime/invocation/call-1/response"
    assert stream.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert stream.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    head, body = stream.streamed()
    assert (head["statusCode"], head["headers"], body) == (200, {"content-type": "text/plain"}, b"hello")
    assert whole.path == "/2018-06-01/runtime/invocation/call-2/response"
    assert "lambda-runtime-function-response-mode" not in whole.headers
    assert (whole.json["statusCode"], whole.json["body"]) == (200, "hello")


def test_where_the_urls_mode_is_buffered_nothing_is_streamed() -> None:
    (told,), _ = _played(_hello, _one(url_event("GET", "/x")), streams=False)
    assert told.json["body"] == "hello"


def test_pieces_go_out_as_they_come() -> None:
    more = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await asyncio.wait_for(more.wait(), 10)
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    def use(api: RuntimeApi) -> list[Told]:
        api.invoke(url_event("GET", "/x"))
        begun = api.began.get(timeout=10)
        until = time.monotonic() + 10
        while not begun.body.endswith(b"one"):
            assert time.monotonic() < until
            time.sleep(0.005)
        loop.call_soon_threadsafe(more.set)  # only now is there more
        return [api.told()]

    loop: asyncio.AbstractEventLoop

    async def remember(*arguments: Any) -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        await serve(*arguments)

    (told,), _ = _played(remember, use)
    assert told.streamed()[1] == b"onetwo"


def test_the_gateway_is_told_how_long_it_has_and_which_trace_this_is() -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def use(api: RuntimeApi) -> list[Told]:
        told = []
        for asked in ("", "2000", "999999", "soon"):
            fields = {"x-penstock-deadline-ms": asked} if asked else {}
            api.invoke(url_event("GET", "/x", None, **fields), seconds=10, trace=trace)
            told.append(api.told())
        return told

    _, heads = _played(_hello, use)
    allowed = [head.partition(b"x-penstock-deadline-ms: ")[2].partition(b"\r\n")[0] for head in heads]
    assert 9000 < int(allowed[0]) <= 9500
    assert allowed[1] == b"2000"
    assert 9000 < int(allowed[2]) <= 9500
    assert allowed[3] == b"soon"  # the gateway refuses it in its own words
    assert all(b"traceparent: 00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01\r\n" in head for head in heads)


def test_a_gateway_that_is_too_slow_is_answered_for_before_lambda_takes_the_sandbox_away() -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter, head: bytes) -> None:
        await reader.read()

    (told,), _ = _played(hang, _one(balancer_event("GET", "/x"), seconds=0.5))
    assert told.json["statusCode"] == 504
    assert json.loads(told.json["body"])["error"]["code"] == "deadline_exceeded"


def test_a_stream_that_breaks_off_ends_with_an_error_and_the_loop_goes_on() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        if b"/broken" not in head:
            await _hello(_, writer, head)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")

    def use(api: RuntimeApi) -> list[Told]:
        api.invoke(url_event("GET", "/broken"))
        api.invoke(url_event("GET", "/x"))
        return [api.told(), api.told()]

    (broken, after), _ = _played(serve, use)
    assert broken.streamed()[1] == b"half"
    assert broken.trailers["lambda-runtime-function-error-type"] == "Penstock.gateway_failed"
    assert "broke off" in base64.b64decode(broken.trailers["lambda-runtime-function-error-body"]).decode()
    assert after.streamed()[1] == b"hello"


@pytest.mark.parametrize("event", [{"Records": []}, b"no json"])
def test_what_is_no_call_is_that_invocations_error(event: object) -> None:
    def use(api: RuntimeApi) -> list[Told]:
        api.invoke(event)
        api.invoke(url_event("GET", "/x"))
        return [api.told(), api.told()]

    (told, after), heads = _played(_hello, use)
    assert told.path.endswith("/call-1/error")
    assert told.headers["lambda-runtime-function-error-type"] == "Penstock.UnknownEvent"
    assert told.json["errorType"] == "Penstock.UnknownEvent"
    assert after.streamed()[0]["statusCode"] == 200
    assert len(heads) == 1


def test_fields_that_no_request_may_have_are_refused() -> None:
    (told,), heads = _played(_hello, _one(balancer_event("GET", "/x", None, a="1\r\nx-evil: 2")))
    assert told.json["statusCode"] == 400
    assert heads == [] or b"x-evil" not in heads[0]


@pytest.mark.parametrize("event", [
    url_event("GET", "/x", None, a="\u20ac"), balancer_event("GET", "/x", None, a="\u20ac"),
    url_event("GET", "/x", None, **{"\u20ac": "a"}), url_event("GET", "/x", None, host="\u20ac"),
    url_event("G\xc9T", "/x"),
])  # fmt: skip
def test_a_caller_whose_fields_are_no_latin_text_is_refused_and_ends_nothing(event: object) -> None:
    def use(api: RuntimeApi) -> list[Told]:
        api.invoke(event)
        api.invoke(balancer_event("GET", "/x"))
        return [api.told(), api.told()]

    (told, after), _ = _played(_hello, use)
    assert told.json["statusCode"] == 400
    assert after.json["statusCode"] == 200


def test_a_runtime_api_that_is_gone_ends_the_loop() -> None:
    async def main() -> None:
        with pytest.raises(OSError):
            await Runtime("127.0.0.1:1", 1).run()

    asyncio.run(main())

"""What ends a call from outside: the caller, the deadline, a gateway that stops."""

import asyncio

from penstock.core.errors import GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.net.server import Limits
from tests.support.scripted import Door, Puppet
from tests.support.serving import CHAT, EVENTS, connect, serve
from tests.support.sockets import parse_answers, request

# ---- the caller


def test_a_caller_that_leaves_cancels_the_source_and_gives_its_bytes_back() -> None:
    puppet = Puppet([b"data: 1\n\n"])

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        await reader.readuntil(b"data: 1")
        writer.transport.abort()
        await door.until(lambda: door.ended)
        assert puppet.calls[-1] == "cancel"
        assert door.ended[0].outcome == "left"
        assert door.endpoint.generation.in_flight == 0

    serve(lambda exchange: Reply(200, EVENTS, puppet, events=True), act)


def test_a_caller_that_leaves_before_the_answer_cancels_the_rooms() -> None:
    seen: list[str] = []

    async def script(exchange: Exchange) -> Reply:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        raise AssertionError

    async def act(door: Door) -> None:
        _, writer = await connect(door)
        await door.until(lambda: door.seen)
        writer.transport.abort()
        await door.until(lambda: seen)
        assert [one.outcome for one in door.ended] == ["left"]
        assert door.endpoint.generation.in_flight == 0

    serve(script, act)


def test_a_caller_that_reads_slowly_pauses_the_source_until_it_reads_on() -> None:
    puppet = Puppet()

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        total = 0
        while "pause" not in puppet.calls:
            puppet.push(b"x" * 65536)
            total += 65536
            assert total < 64 * 1024 * 1024, "never told to pause"
            await asyncio.sleep(0)
        assert "resume" not in puppet.calls
        writer.transport.resume_reading()

        async def drain() -> int:
            got = 0
            while got < total:
                got += len(await reader.read(1 << 20))
            return got

        assert await asyncio.wait_for(drain(), 10) >= total
        await door.until(lambda: puppet.calls[-1] == "resume")
        puppet.end()
        writer.close()

    serve(lambda exchange: Reply(200, [], puppet), act)


def test_a_caller_that_takes_nothing_for_too_long_is_dropped() -> None:
    puppet = Puppet()

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        while "pause" not in puppet.calls:
            puppet.push(b"x" * 65536)
            await asyncio.sleep(0)
        await door.until(lambda: door.ended)
        assert door.ended[0].outcome == "left"
        assert puppet.calls[-1] == "cancel"
        writer.close()

    serve(lambda exchange: Reply(200, [], puppet), act, Limits(write_timeout=0.05))


# ---- deadlines


def test_a_call_past_its_deadline_before_the_answer_is_504() -> None:
    seen: list[str] = []

    async def script(exchange: Exchange) -> Reply:
        exchange.upstream = "slow"
        try:
            await asyncio.sleep(100)
        finally:
            seen.append("cancelled")
        raise AssertionError

    async def act(door: Door) -> None:
        got = await door.ask("POST", CHAT, body=b"{}")
        assert got.status == 504
        assert got.headers["x-should-retry"] == "false"
        assert [one.outcome for one in door.ended] == ["error"]
        await door.until(lambda: seen)

    serve(script, act, total_timeout=0.05)


def test_a_stream_past_its_deadline_ends_with_an_error_event() -> None:
    puppet = Puppet([b"data: 1\n\n"])

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        got = await reader.read()
        writer.close()
        (answer,) = parse_answers(got)
        assert answer.whole
        assert answer.body.startswith(b"data: 1\n\ndata: {")
        assert b"timeouts.total" in answer.body
        assert puppet.calls == ["start", "cancel"]
        assert [one.outcome for one in door.ended] == ["error"]

    serve(lambda exchange: Reply(200, EVENTS, puppet, events=True), act, total_timeout=0.05)


def test_a_stopping_server_ends_what_runs_with_an_error_that_says_so() -> None:
    puppet = Puppet([b"data: 1\n\n"])

    async def act(door: Door) -> None:
        reader, writer = await connect(door)
        await reader.readuntil(b"data: 1")
        door.endpoint.stopping = True
        door.server.stop_accepting()
        door.server.end_all(GatewayError("shutting down", code="gateway_stopping"))
        rest = await reader.read()
        assert b"shutting down" in rest
        assert rest.endswith(b"0\r\n\r\n")
        writer.close()

    serve(lambda exchange: Reply(200, EVENTS, puppet, events=True), act)


def test_while_stopping_answers_close_their_connections() -> None:
    async def act(door: Door) -> None:
        door.endpoint.stopping = True
        reader, writer = await connect(door)
        (got,) = parse_answers(await reader.read())
        assert got.headers["connection"] == "close"
        writer.close()

    serve(lambda exchange: Reply(200, [], b"last"), act)


# ---- bodies that are not read


def test_an_answer_before_the_body_is_here_closes_the_connection_after_it() -> None:
    async def act(door: Door) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(request("POST", CHAT, [("Content-Length", "100000")], b"only the start", keep=True))
        (got,) = parse_answers(await reader.read())
        assert (got.status, got.headers["connection"]) == (200, "close")
        writer.close()

    serve(lambda exchange: Reply(200, [], b"early"), act)

import asyncio
from typing import Any

import pytest

from penstock.core.call import Call, Operation
from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.memory.stage import PASSING_BYTES, Memory
from penstock.net.request_body import Body
from penstock.process.loop import run
from penstock.wire.json import Remembered
from penstock.wire.peeked import Peek, StreamOptions
from tests.core.conformance import Wire

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
FILES = Operation("files", "openai", "/files", body="opaque", needs_model=False)
REALTIME = Operation("realtime", "openai", "/realtime", body="none", upgrades=True)
MODELS = Operation("models", "openai", "/models", body="none", needs_model=False)
HELLO = b'{"model":"m","stream":true,"max_tokens":7,"user":"u1","stream_options":{"include_usage":true},"messages":[]}'


def exchange(body: Body, operation: Operation = CHAT) -> Exchange:
    return Exchange("req_1", Call(operation, "POST", "/", b"", [], "c"), 0.0, 1.0, body)


def arrived(data: bytes, length: int | None = None) -> Body:
    body = Body(Wire(), len(data) if length is None else length)
    body.feed(data)
    body.finish()
    return body


async def beyond(exchange: Exchange) -> Reply:
    return Reply(200, [], b"through")


def room(bound: int = 1000, max_body: int = 500) -> tuple[Memory, BoundedAccount]:
    account = BoundedAccount("bodies", bound)
    return Memory(account, max_body=max_body, retry_after=2.0), account


async def passing(memory: Memory, one: Exchange) -> Reply:
    return await memory(one, beyond)


def test_a_body_that_is_here_is_reserved_and_peeked_without_waiting() -> None:
    memory, account = room()
    one = exchange(arrived(HELLO))
    reply = run(passing(memory, one))
    call = one.call
    assert reply.body == b"through"
    assert (call.body, call.model, call.stream, call.max_tokens, call.usage_wanted) == (HELLO, "m", True, 7, True)
    assert call.session == "u1"
    assert account.held == one.held == one.bytes_in == len(HELLO)
    one.finish("ok", 1.0)
    assert (account.held, one.held) == (0, 0)


def test_a_full_account_refuses_before_the_body_is_read() -> None:
    memory, account = room(bound=len(HELLO) - 1)
    wire = Wire()
    one = exchange(Body(wire, len(HELLO)))
    with pytest.raises(GatewayError) as caught:
        run(passing(memory, one))
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "gateway_overloaded", 2.0)
    assert one.call.body == b""
    one.finish("error", 1.0)
    assert (account.held, account.refused) == (0, 1)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_still_on_its_way_is_awaited(announced: bool) -> None:
    async def main() -> None:
        memory, account = room()
        body = Body(Wire(), len(HELLO) if announced else None)
        one = exchange(body)
        waiting = asyncio.get_running_loop().create_task(passing(memory, one))
        await asyncio.sleep(0)
        body.feed(HELLO[:10])
        await asyncio.sleep(0)
        assert not waiting.done()
        assert account.held == (len(HELLO) if announced else 10)
        body.feed(HELLO[10:])
        body.finish()
        await waiting
        assert one.call.model == "m"
        assert account.held == one.bytes_in == len(HELLO)
        one.finish("ok", 1.0)
        assert account.held == 0

    run(main())


def test_a_chunked_body_that_outgrows_the_account_is_refused_and_gives_all_back() -> None:
    async def main() -> None:
        memory, account = room(bound=20)
        body = Body(Wire(), None)
        one = exchange(body)
        waiting = asyncio.get_running_loop().create_task(passing(memory, one))
        await asyncio.sleep(0)
        body.feed(HELLO[:15])
        body.feed(HELLO[15:30])
        with pytest.raises(Fail) as caught:
            await waiting
        assert caught.value.status == 503
        one.finish("error", 1.0)
        assert account.held == 0

    run(main())


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_over_the_limit_is_refused_without_being_held(announced: bool) -> None:
    memory, account = room(max_body=10)
    body = Body(Wire(), 11 if announced else None)
    if not announced:
        body.feed(b"x" * 11)
    with pytest.raises(CallerError) as caught:
        run(passing(memory, exchange(body)))
    assert caught.value.status == 413
    assert account.held == 0


def test_a_whole_body_over_the_limit_is_refused_too() -> None:
    memory, _ = room(max_body=len(HELLO) - 1)
    with pytest.raises(CallerError) as caught:
        run(passing(memory, exchange(arrived(HELLO))))
    assert caught.value.status == 413


def test_a_caller_cancelled_while_its_body_arrives_gives_its_bytes_back() -> None:
    async def main() -> None:
        memory, account = room()
        one = exchange(Body(Wire(), 100))
        waiting = asyncio.get_running_loop().create_task(passing(memory, one))
        await asyncio.sleep(0)
        assert account.held == 100
        waiting.cancel()
        await asyncio.wait({waiting})
        one.finish("left", 1.0)
        assert account.held == 0

    run(main())


def test_what_is_not_json_is_refused_as_the_callers_fault_and_given_back() -> None:
    memory, account = room()
    one = exchange(arrived(b"not json"))
    with pytest.raises(CallerError) as caught:
        run(passing(memory, one))
    assert caught.value.status == 400
    one.finish("error", 1.0)
    assert account.held == 0


def test_of_a_multipart_body_only_the_model_is_read() -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b--\r\n'
    memory, account = room()
    one = exchange(arrived(form), FILES)
    run(passing(memory, one))
    assert (one.call.model, one.call.body, account.held) == ("whisper", b"", len(form))
    one.finish("ok", 1.0)
    assert account.held == 0


@pytest.mark.parametrize("length", [None, 1 << 30], ids=["chunked", "announced"])
def test_a_body_that_is_handed_on_reserves_what_may_be_here_of_it(length: int | None) -> None:
    account = BoundedAccount("bodies", 2 * PASSING_BYTES)
    memory = Memory(account, max_body=500, retry_after=2.0)
    calls = [exchange(Body(Wire(), length), FILES) for _ in range(3)]
    run(passing(memory, calls[0]))
    run(passing(memory, calls[1]))
    with pytest.raises(GatewayError) as caught:
        run(passing(memory, calls[2]))
    assert (caught.value.status, caught.value.retry_after) == (503, 2.0)
    for one in calls:
        one.finish("ok", 1.0)
    assert (account.held, account.peak) == (0, 2 * PASSING_BYTES)


def test_a_call_without_a_body_passes() -> None:
    memory, account = room(bound=0)
    body: Any = None
    one = Exchange("req_1", Call(MODELS, "GET", "/", b"", [], "c"), 0.0, 1.0, body)
    assert run(passing(memory, one)).status == 200
    assert account.held == 0


def test_a_handshake_names_its_model_in_the_query() -> None:
    memory, account = room()
    one = Exchange("req_1", Call(REALTIME, "GET", "/", b"x=1&model=org%2Fm", [], "c"), 0.0, 1.0, arrived(b""))
    assert run(passing(memory, one)).body == b"through"
    assert (one.call.model, one.call.stream, account.held) == ("org/m", False, 0)
    with pytest.raises(CallerError) as refused:
        run(passing(memory, exchange(arrived(b""), REALTIME)))
    assert refused.value.code == "missing_model"


def test_a_known_body_is_taken_as_it_was_read_before() -> None:
    plain, account = room()
    first = exchange(arrived(HELLO))
    run(passing(plain, first))
    seen = Peek(model="m", stream=True, max_tokens=7, user="u1", stream_options=StreamOptions(True))
    known = Remembered(first.call.operation, seen)
    memory = Memory(account, max_body=500, retry_after=2.0, known={HELLO: known})
    one = exchange(arrived(HELLO))
    run(passing(memory, one))
    names = ("body", "model", "stream", "max_tokens", "usage_wanted", "session", "temperature")
    assert [getattr(one.call, name) for name in names] == [getattr(first.call, name) for name in names]
    assert one.call.remembered is known


def test_a_body_known_of_another_operation_is_read() -> None:
    account = BoundedAccount("bodies", 1000)
    known = Remembered(MODELS, Peek(model="other"))
    memory = Memory(account, max_body=500, retry_after=2.0, known={HELLO: known})
    one = exchange(arrived(HELLO))
    run(passing(memory, one))
    assert (one.call.model, one.call.remembered) == ("m", None)


def test_the_wait_for_a_body_is_its_callers_and_has_a_name() -> None:
    clock = iter([10.0, 10.75])
    memory = Memory(BoundedAccount("bodies", 1000), max_body=500, retry_after=2.0, now=lambda: next(clock))
    body = Body(Wire(), len(HELLO))
    one = exchange(body)

    async def main() -> None:
        passed = asyncio.ensure_future(passing(memory, one))
        await asyncio.sleep(0)
        body.feed(HELLO)
        body.finish()
        await passed

    run(main())
    assert (one.waits, one.queued) == ({"body": 0.75}, 0.75)

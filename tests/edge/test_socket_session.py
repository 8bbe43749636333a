"""``/v1/stream`` of a whole gateway, by raw bytes and by a real client."""

import asyncio
import json
from typing import Any

import pytest
import websockets

from penstock.core.errors import GatewayError
from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway
from tests.support.socket_caller import SocketCaller, dial, text

SLOW = """
upstreams: {echo: {kind: echo}, slow: {kind: echo, tokens_per_second: 20}}
models: {echo: {upstreams: [echo]}, slow: {upstreams: [slow]}}
auth: {mode: open}
listen: {websocket: {calls: 2}}
"""


def at_gateway(act: Any, config: str = OPEN_ECHO) -> None:
    async def main() -> None:
        async with running_gateway(config) as gateway:
            await act(gateway)

    run(main())


def on_socket(act: Any, config: str = OPEN_ECHO) -> None:
    """``await act(caller, gateway)``; afterwards the gateway holds nothing of it."""

    async def with_socket(gateway: Running) -> None:
        caller = await dial(gateway.port)
        try:
            await act(caller, gateway)
        finally:
            caller.leave()
        while gateway.gateway.server.open:  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.001)
        assert gateway.gateway.ledger.held == 0
        assert all(row[0] == 0 for row in gateway.gateway.upstreams.numbers().values())

    at_gateway(with_socket, config)


def chat(id: str, said: str = "one two three", model: str = "echo", **more: Any) -> bytes:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": said}]}
    return text({"id": id, "body": body, **more})


def spoken(messages: list[Any]) -> str:
    return "".join(message["text"] for message in messages if message["type"] == "event")


def test_a_chat() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("a"))
        got = await caller.messages()
        assert [message["type"] for message in got] == ["start", *["event"] * 5, "end"]
        assert {message["id"] for message in got} == {"a"}
        assert spoken(got) == "one two three"
        assert [message["index"] for message in got[1:]] == [0, 1, 2, 3, 4, 5]
        assert [message["is_special"] for message in got[1:-1]] == [True, False, False, False, True]
        assert [message["is_complete"] for message in got[1:-1]] == [False] * 4 + [True]
        assert got[-1]["usage"]["completion_tokens"] == 3
        assert (got[0]["upstream"], got[0]["request_id"][:6]) == ("echo", "req_0x")

    on_socket(act)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "say this"}),
        ("/v1/responses", {"input": "say this"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "say this"}], "max_tokens": 9}),
    ],
)
def test_every_dialect(path: str, body: dict[str, Any]) -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(text({"id": "a", "path": path, "body": {"model": "echo", "stream": True, **body}}))
        got = await caller.messages()
        assert got[-1]["type"] == "end"
        assert "".join(one["text"] for one in got[1:-1] if not one["is_special"]) == "say this"

    on_socket(act)


def test_calls_at_once_are_told_apart() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("long", "a b c d e f", "slow"), chat("short", "x"))
        got: dict[str, list[Any]] = {"long": [], "short": []}
        order = []
        while len(order) < 2:
            message = await caller.message()
            got[message["id"]].append(message)
            if message["type"] == "end":
                order.append(message["id"])
        assert order == ["short", "long"]
        assert (spoken(got["short"]), spoken(got["long"])) == ("x", "a b c d e f")

    on_socket(act, SLOW)


@pytest.mark.parametrize("more", ["", "resume: {always: true}"])
def test_a_cancelled_call_ends_and_its_id_is_free_again(more: str) -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("a", "word " * 100, "slow"))
        assert (await caller.message())["type"] == "start"
        caller.send(text({"type": "cancel", "id": "a"}))
        assert (await caller.messages())[-1]["type"] == "cancelled"
        assert gateway.gateway.upstreams.numbers()["slow"][0] == 0
        caller.send(text({"type": "cancel", "id": "a"}), chat("a", "again"))
        assert (await caller.message())["body"]["error"]["code"] == "no_such_call"
        assert spoken(await caller.messages()) == "again"

    on_socket(act, SLOW + more)


def test_what_cannot_be_called_is_told_and_the_socket_stays() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        for message, status, code in (
            (chat("a", model="nobody"), 404, "model_not_found"),
            (chat("a", path="/v1/nothing"), 404, "not_found"),
            (chat("a", path="/v1/files"), 404, "not_found"),
            (chat("a", path="/v1/chat/completions?x=\r\nx: y"), 400, "bad_query"),
            (chat("a", path="//x"), 400, "bad_path"),
            (chat("a", headers={"x-penstock-nothing": "1"}), 400, "bad_message"),
            (text('{"id":"a","body":{"model":"echo","model":"other"}}'), 400, None),
        ):
            caller.send(message)
            got = await caller.message()
            assert (got["type"], got["status"]) == ("error", status)
            assert code in (None, got["body"]["error"]["code"])
        caller.send(chat("a", "fine"))
        assert spoken(await caller.messages()) == "fine"

    on_socket(act)


def test_calls_are_bounded_and_ids_are_used_once_at_a_time() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("a", "w " * 50, "slow"), chat("b", "w " * 50, "slow"), chat("a"), chat("c"))
        errors = []
        while len(errors) < 2:
            message = await caller.message()
            if message["type"] == "error":
                errors.append((message["id"], message["status"], message["body"]["error"]["code"]))
        assert errors == [("a", 409, "id_in_use"), ("c", 429, "too_many_calls")]

    on_socket(act, SLOW)


def test_a_stopping_gateway_ends_calls_with_an_error_then_the_socket() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("a", "w " * 50, "slow"))
        assert (await caller.message())["type"] == "start"
        gateway.gateway.server.stop_accepting()
        caller.send(chat("b"))
        while (got := await caller.message())["id"] != "b":
            pass
        assert got["body"]["error"]["code"] == "gateway_stopping"
        gateway.gateway.server.end_all(GatewayError("stopping", code="gateway_stopping"))
        got = (await caller.messages())[-1]
        assert (got["id"], got["type"], got["status"]) == ("a", "error", 503)
        assert await caller.closed() == 1001

    on_socket(act, SLOW)


def test_calls_are_counted_as_those_over_http() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("a"))
        await caller.messages()
        observed = gateway.gateway.observed
        assert observed is not None
        (row,) = observed.recent.rows(10)
        assert (row["operation"], row["status"], row["tokens_out"]) == ("chat", 200, 3)

    on_socket(act)


def test_a_reload_counts_for_the_next_call() -> None:
    async def act(caller: SocketCaller, gateway: Running) -> None:
        caller.send(chat("a", model="new"))
        assert (await caller.message())["status"] == 404
        gateway.path.write_text(OPEN_ECHO.replace("models: {", "models: {new: {upstreams: [echo]}, "))
        assert (await gateway.team.reload())["ok"]
        caller.send(chat("a", "hi", model="new"))
        assert spoken(await caller.messages()) == "hi"

    on_socket(act)


# ---- who may


def test_a_key_is_asked_for_as_over_http() -> None:
    async def act(gateway: Running) -> None:
        name, value = gateway.bearer
        protocols = f"penstock.v1, openai-insecure-api-key.{gateway.key}"
        for fields, status in (
            ([], 401),
            ([(name, value + "x")], 401),
            ([("Sec-WebSocket-Protocol", "penstock.v1, openai-insecure-api-key.sk-pen-wrong")], 401),
            ([(name, value)], 101),
            ([("x-api-key", gateway.key)], 101),
            ([("Sec-WebSocket-Protocol", protocols)], 101),
        ):
            caller = await dial(gateway.port, fields)
            assert caller.head.startswith(b"HTTP/1.1 %d " % status), fields
            assert gateway.key.encode() not in caller.head
            if status == 101:
                caller.send(chat("a", "in"))
                assert spoken(await caller.messages()) == "in"
            caller.leave()
        assert b"sec-websocket-protocol: penstock.v1\r\n" in caller.head
        caller = await dial(gateway.port, path=f"/v1/stream?api_key={gateway.key}")
        assert caller.head.startswith(b"HTTP/1.1 401 ")
        caller.leave()

    at_gateway(act, ECHO)


def test_a_revoked_key_makes_no_more_calls_on_an_open_socket() -> None:
    async def act(gateway: Running) -> None:
        caller = await dial(gateway.port, [gateway.bearer])
        caller.send(chat("a", "in"))
        assert spoken(await caller.messages()) == "in"
        ring = gateway.gateway.keys.ring
        assert ring is not None
        ring.replace([])
        caller.send(chat("a", "out"))
        assert (await caller.message())["status"] == 401
        caller.leave()

    at_gateway(act, ECHO)


def test_a_page_of_another_site_opens_no_socket_while_auth_is_open() -> None:
    async def act(gateway: Running) -> None:
        caller = await dial(gateway.port, [("Origin", "https://evil.example")])
        assert caller.head.startswith(b"HTTP/1.1 403 ")
        caller.leave()

    at_gateway(act)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/health", "/nothing"])
def test_there_is_no_socket_elsewhere(path: str) -> None:
    async def act(gateway: Running) -> None:
        caller = await dial(gateway.port, path=path)
        assert caller.head.startswith(b"HTTP/1.1 404 ")
        caller.leave()

    at_gateway(act)


def test_a_handshake_that_is_none_is_refused_before_anything_is_said() -> None:
    async def act(gateway: Running) -> None:
        upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade, close")]
        assert (await ask(gateway.port, "GET", "/v1/stream", upgrade)).status == 426
        got = await ask(gateway.port, "GET", "/v1/stream", [*upgrade, ("Sec-WebSocket-Version", "13")])
        assert (got.status, got.json()["error"]["code"]) == (400, "bad_handshake")
        assert (await ask(gateway.port, "GET", "/v1/stream")).status == 404

    at_gateway(act)


# ---- a real client


def test_a_real_client() -> None:
    async def act(gateway: Running) -> None:
        async with websockets.connect(
            f"ws://127.0.0.1:{gateway.port}/v1/stream",
            subprotocols=[
                websockets.Subprotocol("penstock.v1"),
                websockets.Subprotocol(f"openai-insecure-api-key.{gateway.key}"),
            ],
            proxy=None,
        ) as socket:
            assert socket.subprotocol == "penstock.v1"
            assert socket.protocol.extensions == []
            await (await socket.ping())
            body = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": "grüß Gott " * 2000}]}
            for id in ("a", "b"):
                await socket.send(json.dumps({"id": id, "body": body}, ensure_ascii=False))
            said = {"a": "", "b": ""}
            ended = 0
            while ended < 2:
                message = json.loads(await socket.recv())
                said[message["id"]] += message.get("text", "")
                ended += message["type"] == "end"
            assert set(said.values()) == {"grüß Gott " * 2000}
        assert socket.close_code == 1000

    at_gateway(act, ECHO)

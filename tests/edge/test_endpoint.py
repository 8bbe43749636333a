import asyncio
import ipaddress
import json
from typing import Any

import pytest

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import LocalRoute
from tests.support.door import answer, at_door
from tests.support.scripted import Door
from tests.support.sockets import Answer, parse_answers, request

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


async def local(exchange: Exchange) -> Reply:
    return Reply(200, [], b"local " + exchange.key.encode())


# ---- what is asked for


@pytest.mark.parametrize("target", [CHAT, "/chat/completions", "/v1/v1/chat/completions", CHAT + "?a=1"])
def test_an_operation_is_found_however_the_base_url_was_written(target: str) -> None:
    async def act(door: Door) -> None:
        got = await door.ask("POST", target, body=b"{}")
        assert (got.status, got.body) == (200, b"hello")
        assert door.seen[0].call.operation.name == "chat"

    at_door(act)


def test_the_exchange_that_the_rooms_get() -> None:
    async def act(door: Door) -> None:
        await door.ask("POST", "/v1/files/file-1?x=y", [("X-Odd", "v")], b"body")
        (exchange,) = door.seen
        call = exchange.call
        assert (call.method, call.query, call.client) == ("POST", b"x=y", "127.0.0.1")
        assert (call.operation.name, call.operation.path) == ("file", "/files/file-1")
        assert call.header(b"x-odd") == b"v"
        assert exchange.deadline - exchange.started == pytest.approx(7.5)
        assert exchange.generation is door.endpoint.generation
        assert (exchange.outcome, exchange.status) == ("ok", 200)

    at_door(act, total_timeout=7.5)


def test_a_caller_may_shorten_the_time_that_its_call_lasts() -> None:
    async def act(door: Door) -> None:
        for value, seconds in ((b"1500", 1.5), (b"99000", 7.5)):
            await door.ask("POST", CHAT, [("X-Penstock-Deadline-Ms", value.decode())], b"{}")
            exchange = door.seen.pop()
            assert exchange.deadline - exchange.started == pytest.approx(seconds)
        got = await door.ask("POST", CHAT, [("X-Penstock-Deadline-Ms", "soon")], b"{}")
        assert got.status == 400
        assert got.json()["error"]["param"] == "x-penstock-deadline-ms"
        assert not door.seen

    at_door(act, total_timeout=7.5)


@pytest.mark.parametrize(("target", "dialect"), [("/v1/nothing", "openai"), ("/v1/messages/none/at/all", "anthropic")])
def test_an_unknown_path_is_404_in_the_callers_dialect(target: str, dialect: str) -> None:
    got = answer("POST", target, body=b"{}")
    assert got.status == 404
    check_dialect(got, dialect)


def test_the_dialect_of_an_unknown_path_may_show_in_a_field() -> None:
    check_dialect(answer("GET", "/nothing", [("anthropic-version", "2023-06-01")]), "anthropic")


@pytest.mark.parametrize(("target", "dialect"), [(CHAT, "openai"), (MESSAGES, "anthropic")])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_405_and_told_which_is_right(method: str, target: str, dialect: str) -> None:
    got = answer(method, target)
    assert (got.status, got.headers["allow"]) == (405, "POST")
    check_dialect(got, dialect)


def test_head_of_an_operation_is_405_without_a_body() -> None:
    got = answer("HEAD", CHAT)
    assert (got.status, got.body) == (405, b"")
    assert int(got.headers["content-length"]) > 0


def check_dialect(got: Answer, dialect: str) -> None:
    """The error is shaped as the SDKs of ``dialect`` expect, and names the request."""
    told = got.json()
    request_id = got.headers["x-request-id"]
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-should-retry"] == "false"
    assert got.headers["x-penstock-fault"] == "caller"
    assert request_id in told["error"]["message"]
    if dialect == "anthropic":
        assert (told["type"], told["request_id"], got.headers["request-id"]) == ("error", request_id, request_id)
    else:
        assert set(told["error"]) == {"message", "type", "param", "code"}


# ---- request ids


def test_a_request_id_is_made_for_each_and_shown() -> None:
    async def act(door: Door) -> list[str]:
        return [(await door.ask("POST", CHAT, body=b"{}")).headers["x-request-id"] for _ in range(3)]

    ids = at_door(act)
    assert len(set(ids)) == 3
    assert all(one.startswith("req_3x") for one in ids)


@pytest.mark.parametrize("given_id", ["abc", "A.b_c-9", "x" * 128])
def test_a_request_id_of_the_callers_own_is_kept(given_id: str) -> None:
    got = answer("POST", CHAT, [("X-Request-Id", given_id)], b"{}")
    assert got.headers["x-request-id"] == given_id


@pytest.mark.parametrize("given_id", ["", "x" * 129, "a b", "a;b", "a\u00e9", "<script>", '"'])
def test_one_that_could_do_harm_in_a_log_is_not(given_id: str) -> None:
    got = answer("POST", CHAT, [("X-Request-Id", given_id)], b"{}")
    assert got.status == 200
    assert got.headers["x-request-id"].startswith("req_3x")


def test_a_refusal_carries_the_callers_id_too() -> None:
    got = answer("GET", "/nothing", [("X-Request-Id", "mine-1")])
    assert got.headers["x-request-id"] == "mine-1"
    assert "mine-1" in got.json()["error"]["message"]


# ---- fields of ours


def test_an_unknown_field_of_ours_is_400_and_a_known_one_is_not() -> None:
    got = answer("POST", CHAT, [("X-Penstock-Cahce", "off")], b"{}")
    assert got.status == 400
    assert "x-penstock-cahce" in got.json()["error"]["message"].lower()
    assert answer("POST", CHAT, [("X-Penstock-Cache", "off")], b"{}").status == 200


def test_date_and_overhead_are_told() -> None:
    got = answer("POST", CHAT, body=b"{}")
    assert got.headers["date"].endswith("GMT")
    assert float(got.headers["x-penstock-overhead-ms"]) >= 0


# ---- who calls


@pytest.mark.parametrize(("trusted", "client"), [("127.0.0.0/8", "198.51.100.7"), ("10.0.0.0/8", "127.0.0.1")])
def test_only_a_trusted_proxy_speaks_for_others(trusted: str, client: str) -> None:
    async def act(door: Door) -> None:
        fields = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "198.51.100.7")]
        await door.ask("POST", CHAT, fields, b"{}")
        assert door.seen[0].call.client == client

    at_door(act, trusted=[ipaddress.ip_network(trusted)])


# ---- paths of our own


def test_local_routes_and_their_rights() -> None:
    seen: list[str] = []

    def authorize(headers: Any, right: str) -> str:
        seen.append(right)
        return "key-7"

    routes = {"/open": LocalRoute(local, "public"), "/call": LocalRoute(local, "call"), "/admin": LocalRoute(local)}
    bodies = [answer("GET", path, routes=routes, authorize=authorize).body for path in routes]
    assert bodies == [b"local ", b"local key-7", b"local key-7"]
    assert seen == ["call", "admin"]
    assert answer("GET", "/admin", routes=routes).status == 401


def test_local_routes_take_their_methods_and_head() -> None:
    routes = {"/": LocalRoute(local, "public"), "/do": LocalRoute(local, "public", methods=("POST",))}
    head = answer("HEAD", "/", routes=routes)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "6")
    wrong = answer("GET", "/do", routes=routes)
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert answer("HEAD", "/do", routes=routes).status == 405
    assert answer("OPTIONS", "/do", routes=routes).headers["allow"] == "POST, OPTIONS"


def test_a_local_route_that_fails_is_500_and_says_nothing_of_why() -> None:
    async def fail(exchange: Exchange) -> Reply:
        raise KeyError("secret detail")

    got = answer("GET", "/x", routes={"/x": LocalRoute(fail, "public")})
    assert got.status == 500
    assert b"secret" not in got.body


# ---- WebSocket


@pytest.mark.parametrize("target", [CHAT, "/v1/realtime", "/"])
def test_an_upgrade_to_websocket_is_404_and_the_connection_lives_on(target: str) -> None:
    upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ]

    async def act(door: Door) -> list[Answer]:
        data = request("GET", target, upgrade) + request("POST", CHAT, body=b"{}")
        return parse_answers(await door.raw(data))

    first, *rest = at_door(act, routes={"/": LocalRoute(local, "public")})
    assert first.status == 404
    assert "WebSocket" in first.json()["error"]["message"]
    assert [got.status for got in rest] in ([], [200])  # closing after an upgrade not taken is allowed


# ---- a new generation


def test_the_next_request_of_a_connection_takes_the_newest_generation() -> None:
    async def act(door: Door) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        old = door.endpoint.generation
        for expected in (b"hello", b"new"):
            writer.write(request("POST", CHAT, body=b"{}", keep=True))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert await reader.readexactly(length) == expected
            new = type(old)(run=new_run, number=2, total_timeout=1.0, authorize=old.authorize)
            door.endpoint.generation = new
        assert (old.in_flight, door.endpoint.generation.in_flight) == (0, 0)
        writer.close()

    async def new_run(exchange: Exchange) -> Reply:
        return Reply(200, [], b"new")

    at_door(act)


# ---- refusals of the parser


@pytest.mark.parametrize(
    ("data", "status", "dialect"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "openai"),
        (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "anthropic"),
        (b"nonsense\r\n\r\n", 400, "openai"),
    ],
)
def test_a_malformed_request_is_told_so_with_an_id(data: bytes, status: int, dialect: str) -> None:
    async def act(door: Door) -> bytes:
        got = await door.raw(data)
        assert door.endpoint.refused == 1
        return got

    (got,) = parse_answers(at_door(act))
    assert (got.status, got.headers["connection"]) == (status, "close")
    assert got.headers["x-request-id"] in json.dumps(got.json())
    assert (got.json().get("type") == "error") == (dialect == "anthropic")

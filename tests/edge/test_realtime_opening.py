"""How a realtime session is opened: whose handshake is refused and how, and what the upstream sees."""

import asyncio

import pytest

from penstock.process.loop import run
from tests.net.upstream import Line, Upstream
from tests.support.gateway import Running, ask
from tests.support.realtime import (
    ASKED,
    CONFIG,
    OPEN,
    PATH,
    Far,
    accept,
    behind,
    code_of,
    refusal,
    sessions,
)
from tests.support.socket_caller import dial
from tests.support.sockets import Fields

KEY_FIELD = "Sec-WebSocket-Key"


def without(name: str, *more: tuple[str, str]) -> Fields:
    return [*(field for field in ASKED if field[0] != name), *more]


async def hello(line: Line) -> None:
    raise AssertionError("nobody may reach the upstream")


# ---- the caller's handshake


@pytest.mark.parametrize(
    ("path", "fields", "status", "code"),
    [
        (PATH, without(KEY_FIELD), 400, "bad_handshake"),
        (PATH, without(KEY_FIELD, (KEY_FIELD, "short")), 400, "bad_handshake"),
        (PATH, without("Upgrade"), 400, "bad_handshake"),
        (PATH, without("Upgrade", ("Upgrade", "h2c")), 400, "bad_handshake"),
        (PATH, without("Connection", ("Connection", "close")), 400, "bad_handshake"),
        (PATH, [*ASKED, ("Sec-WebSocket-Protocol", "real time")], 400, "bad_handshake"),
        (PATH, without("Sec-WebSocket-Version", ("Sec-WebSocket-Version", "8")), 426, "websocket_version"),
        (PATH, [*ASKED, ("x-penstock-nothing", "1")], 400, "unknown_header"),
        ("/v1/realtime", ASKED, 400, "missing_model"),
        ("/v1/realtime?model=", ASKED, 400, "missing_model"),
        ("/v1/realtime?model=m&model=e", ASKED, 400, "bad_query"),
        ("/v1/realtime?model=m&mod%65l=e", ASKED, 400, "bad_query"),
        ("/v1/realtime?model=%ff", ASKED, 400, "bad_query"),
        ("/v1/realtime?model=n", ASKED, 404, "model_not_found"),
        ("/v1/realtime?model=m%0d%0ax-evil:%201", ASKED, 404, "model_not_found"),
        ("/v1/realtime?model=e", ASKED, 404, "operation_not_offered"),
        ("/v1/realtime/?model=m", ASKED, 404, "not_found"),
    ],
)
def test_an_odd_handshake_is_answered_in_http_and_reaches_nobody(
    path: str, fields: Fields, status: int, code: str
) -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        answer = await refusal(gateway, path, fields)
        assert code_of(answer) == (status, code)
        assert upstream.requests == []  # the connection that was opened ahead is there, and idle

    run(behind(hello, act))


def test_other_methods_are_not_offered() -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        answer = await ask(gateway.port, "POST", PATH, [], b"{}")
        assert (answer.status, answer.headers["allow"]) == (405, "GET")

    run(behind(hello, act))


def test_a_handshake_with_a_body_is_refused() -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        answer = await ask(gateway.port, "GET", PATH, ASKED, b"body")
        assert code_of(answer) == (400, "bad_handshake")

    run(behind(hello, act))


def test_the_names_nearest_to_an_unknown_model_are_told() -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        assert "The nearest: big-model" in (await refusal(gateway, "/v1/realtime?model=bigmodel")).body.decode()

    run(behind(hello, act, OPEN.replace("models:", "models:\n  big-model: {{upstreams: [up]}}")))


def test_who_has_no_good_key_reaches_nobody() -> None:
    async def act(gateway: Running, upstream: Upstream) -> None:
        for more in (
            [],
            [("Authorization", "Bearer sk-pen-x")],
            [("Sec-WebSocket-Protocol", "openai-insecure-api-key.x")],
        ):
            assert (await refusal(gateway, fields=[*ASKED, *more])).status == 401
        assert upstream.requests == []  # the connection that was opened ahead is there, and idle

    run(behind(hello, act, CONFIG))


# ---- what the upstream sees


@pytest.mark.parametrize("how", ["bearer", "x-api-key", "subprotocol"])
def test_the_upstream_sees_its_own_key_and_nothing_of_the_callers(how: str) -> None:
    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        shown = {
            "bearer": [gateway.bearer],
            "x-api-key": [("x-api-key", gateway.key)],
            "subprotocol": [("Sec-WebSocket-Protocol", f"openai-insecure-api-key.{gateway.key}, openai-project.p")],
        }[how]
        more = [
            ("OpenAI-Beta", "realtime=v1"), ("Sec-WebSocket-Protocol", "realtime, openai-organization.o"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"), ("Origin", "https://app.example"), ("Cookie", "a=b"),
            ("X-Forwarded-For", "10.1.2.3"), ("x-penstock-session", "s"), ("OpenAI-Organization", "o"),
        ]  # fmt: skip
        path = f"/v1/realtime?voice=a%20b&api_key={gateway.key}&model=m&api-key=x&key=y"
        caller = await dial(gateway.port, [*shown, *more], path)
        assert caller.head.startswith(b"HTTP/1.1 101 "), caller.head
        assert b"\r\nsec-websocket-protocol: realtime\r\n" in caller.head
        assert gateway.key.encode() not in caller.head
        end = await far.get()
        first, *lines = end.head.decode().split("\r\n")
        assert first == "GET /v1/realtime?model=org%2Fbig&voice=a%20b HTTP/1.1"
        fields = dict(line.split(": ", 1) for line in lines if line)
        assert len(fields.pop("sec-websocket-key")) == 24
        assert fields == {
            "host": f"127.0.0.1:{end.line.upstream.port}", "accept-encoding": "identity",
            "authorization": "Bearer sk-up", "openai-beta": "realtime=v1", "upgrade": "websocket",
            "connection": "Upgrade", "sec-websocket-version": "13", "sec-websocket-protocol": "realtime",
        }  # fmt: skip
        caller.leave()

    sessions(act, CONFIG)


def test_a_name_that_a_star_lets_through_stays_in_its_place() -> None:
    """However it is written: it cannot become a field, another parameter or another path."""

    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        caller = await dial(gateway.port, path="/v1/realtime?model=x%0d%0aevil:%201%26model%3dy%20HTTP/1.1&a=1;model=z")
        end = await far.get()
        first, *lines = end.head.decode().split("\r\n")
        assert first == ("GET /v1/realtime?model=x%0D%0Aevil%3A%201%26model%3Dy%20HTTP%2F1.1&a=1%3Bmodel%3Dz HTTP/1.1")
        assert not [line for line in lines if line.startswith("evil")]
        assert b"\r\nevil" not in caller.head
        caller.leave()

    sessions(act, OPEN.replace("models:", 'models:\n  "x*": {{upstreams: [up]}}'))


def test_a_session_for_transcription_names_no_model_to_the_upstream() -> None:
    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        caller = await dial(gateway.port, path=PATH + "&intent=transcription")
        assert (await far.get()).head.startswith(b"GET /v1/realtime?intent=transcription HTTP/1.1\r\n")
        caller.leave()

    sessions(act)


def test_the_answer_tells_who_serves_and_passes_the_upstreams_fields() -> None:
    async def script(line: Line) -> None:
        line.send(accept(await line.request(), b"X-Quota: 3", b"Set-Cookie: a=b", b"X-Penstock-Upstream: liar"))
        await line.hang_up_seen()

    async def act(gateway: Running, upstream: Upstream) -> None:
        caller = await dial(gateway.port, [("x-request-id", "mine")], PATH)
        for part in (b"x-quota: 3", b"x-request-id: mine", b"x-penstock-upstream: up", b"x-penstock-model: m"):
            assert part in caller.head
        for part in (b"cookie", b"liar", b"content-length", b"sec-websocket-protocol", b"sec-websocket-extensions"):
            assert part not in caller.head.lower()
        caller.leave()

    run(behind(script, act))

"""The provider for upstreams of the caller's own dialect: named rewrites and nothing else, memos, usage."""

import asyncio
import json
import select
import socket
import threading
from collections.abc import Iterator

import pytest

from penstock.providers.http import HttpProvider
from tests.support.gateway import Running, running_gateway
from tests.support.load import Kept
from tests.support.load import chat as load_chat
from tests.support.scripted_upstream import EVENTS, JSON, Answer, Request, ScriptedUpstream
from tests.support.sockets import Answer as Got
from tests.support.sockets import ask

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


def config(upstream: ScriptedUpstream, model: str = "upstreams: [up]", more: str = "") -> str:
    return (
        f'upstreams: {{up: {{kind: openai, base_url: "http://127.0.0.1:{upstream.port}/v1", api_key: sk-up{more}}}}}\n'
        f"models: {{m: {{{model}}}}}\n"
    )


async def chat(gateway: Running, body: bytes, path: str = CHAT) -> Got:
    return await ask(gateway.port, "POST", path, [gateway.bearer], body)


def sent_bodies(upstream: ScriptedUpstream) -> list[bytes]:
    return [request.body for request in upstream.requests]


def test_a_default_max_tokens_is_set_only_where_the_caller_set_none(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer()
    upstream.answers["/v1/responses"] = Answer()
    upstream.answers["/v1/embeddings"] = Answer()

    async def main() -> None:
        async with running_gateway(config(upstream, "upstreams: [up], max_tokens: 77")) as gateway:
            await chat(gateway, b'{"model":"m","messages":[]}')
            await chat(gateway, b'{"model":"m","messages":[],"max_completion_tokens":5}')
            await chat(gateway, b'{"model":"m","input":"x"}', "/v1/responses")
            await chat(gateway, b'{"model":"m","input":"x"}', "/v1/embeddings")

    asyncio.run(main())
    first, second, third, fourth = sent_bodies(upstream)
    assert json.loads(first) == {"model": "m", "messages": [], "max_tokens": 77}
    assert second == b'{"model":"m","messages":[],"max_completion_tokens":5}'
    assert json.loads(third)["max_output_tokens"] == 77
    assert fourth == b'{"model":"m","input":"x"}'


def test_the_model_is_renamed_and_all_else_stays(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer()

    async def main() -> None:
        async with running_gateway(config(upstream, "upstreams: [up], upstream_model: org/big")) as gateway:
            await chat(gateway, b'{ "zz": 1.0, "model" : "m", "in": {"model": "m"} }')

    asyncio.run(main())
    assert sent_bodies(upstream) == [b'{ "zz": 1.0, "model" : "org/big", "in": {"model": "m"} }']


def test_usage_of_a_whole_answer_is_counted(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer(body=json.dumps({"id": "x", "usage": USAGE}).encode())

    async def main() -> str:
        async with running_gateway(config(upstream)) as gateway:
            await chat(gateway, b'{"model":"m","messages":[]}')
            return await gateway.team.metrics()

    text = asyncio.run(main())
    assert 'penstock_tokens_total{model="m",upstream="up",kind="prompt"} 7' in text
    assert 'penstock_tokens_total{model="m",upstream="up",kind="cached"} 2' in text
    assert 'penstock_tokens_total{model="m",upstream="up",kind="completion"} 3' in text


def test_usage_asked_for_a_stream_is_counted_and_withheld(upstream: ScriptedUpstream) -> None:
    text = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
    told = b'data: {"choices":[],"usage":' + json.dumps(USAGE).encode() + b"}\n\n"
    done = b"data: [DONE]\n\n"
    upstream.answers[CHAT] = Answer(headers=(EVENTS,), chunks=(text, told, done), gap=0.01)

    async def main() -> tuple[Got, str]:
        async with running_gateway(config(upstream)) as gateway:
            got = await chat(gateway, b'{"model":"m","stream":true,"messages":[]}')
            return got, await gateway.team.metrics()

    got, metrics = asyncio.run(main())
    assert got.body == text + done
    assert json.loads(sent_bodies(upstream)[0])["stream_options"] == {"include_usage": True}
    assert 'penstock_tokens_total{model="m",upstream="up",kind="completion"} 3' in metrics


def test_answers_with_other_fields_are_not_mixed_up_by_the_memo(upstream: ScriptedUpstream) -> None:
    """The fields of an answer are remembered for as long as an upstream repeats them, and no longer."""

    async def main() -> list[tuple[str | None, str | None]]:
        seen = []
        async with running_gateway(config(upstream)) as gateway:
            for extra in ((), (("x-ratelimit-remaining-tokens", "5"),), (), (("openai-model", "b"),)):
                upstream.answers[CHAT] = Answer(headers=(JSON, *extra))
                got = await chat(gateway, b'{"model":"m","messages":[]}')
                seen.append((got.headers.get("x-ratelimit-remaining-tokens"), got.headers.get("openai-model")))
        return seen

    assert asyncio.run(main()) == [(None, None), ("5", None), (None, None), (None, "b")]


def test_configured_fields_replace_the_callers(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer()

    async def main() -> None:
        async with running_gateway(config(upstream, more=', headers: {X-Team: "ours"}')) as gateway:
            fields = [gateway.bearer, ("x-team", "theirs"), ("user-agent", "me")]
            await ask(gateway.port, "POST", CHAT, fields, b'{"model":"m","messages":[]}')

    asyncio.run(main())
    request = upstream.requests[0]
    assert [value for name, value in request.headers if name == "x-team"] == ["ours"]
    assert request.header("user-agent") == "me"
    assert request.header("authorization") == "Bearer sk-up"


# ---- what we ask ourselves


def probe(
    upstream: ScriptedUpstream, method: str, path: str, body: bytes = b"", limit: int = 1000
) -> tuple[int, bytes]:
    async def main() -> tuple[int, bytes]:
        async with running_gateway(config(upstream, more=", headers: {X-Team: ours}")) as gateway:
            (target,) = gateway.gateway.upstreams.targets
            assert isinstance(target.provider, HttpProvider)
            return await target.provider.probe(method, path, body, 5.0, limit)

    return asyncio.run(main())


def test_a_path_with_a_slash_counts_from_the_root_and_one_without_from_the_base_url(upstream: ScriptedUpstream) -> None:
    upstream.answers["/metrics"] = Answer(body=b"root")
    upstream.answers["/v1/models"] = Answer(503, body=b"base")
    assert probe(upstream, "GET", "/metrics") == (200, b"root")
    assert probe(upstream, "GET", "models") == (503, b"base")
    for request in upstream.requests:
        assert (request.header("authorization"), request.header("x-team"), request.body) == (
            "Bearer sk-up",
            "ours",
            b"",
        )
        assert request.header("content-length") is None


def test_a_probe_may_have_a_body(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer(chunks=(b"ab", b"cd"), gap=0.01)
    assert probe(upstream, "POST", "chat/completions", b'{"model":"m"}') == (200, b"abcd")
    assert upstream.requests[0].body == b'{"model":"m"}'


# ---- several keys


def shown(upstream: ScriptedUpstream) -> list[str | None]:
    return [request.header("authorization") for request in upstream.requests]


def test_keys_take_turns_on_one_connection_of_a_caller_that_repeats_its_head(upstream: ScriptedUpstream) -> None:
    upstream.answers[CHAT] = Answer()

    async def main() -> None:
        async with running_gateway(config(upstream, more=", api_keys: [sk-two, sk-three]")) as gateway:
            caller = await Kept.dial(gateway.port)
            for _ in range(7):
                assert (await caller.ask(load_chat("m", gateway.key, keep=True))).status == 200
            caller.writer.close()

    asyncio.run(main())
    turns = ["Bearer sk-up", "Bearer sk-two", "Bearer sk-three"]
    assert shown(upstream) == [turns[number % 3] for number in range(7)]
    assert len({request.raw_head.replace(b"two", b"up").replace(b"three", b"up") for request in upstream.requests}) == 1


def test_a_key_that_is_refused_rests_and_is_in_no_answer_and_no_metric(
    upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    def by_key(connection: socket.socket, request: Request) -> None:
        key = (request.header("authorization") or "").removeprefix("Bearer ")
        good = key == "sk-two"
        body = b"{}" if good else json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode()
        answer = Answer(200 if good else 401, body=body)
        connection.sendall(answer.head() + answer.body)

    upstream.answers[CHAT] = by_key

    async def main() -> tuple[list[int], str, str]:
        async with running_gateway(config(upstream, more=", api_keys: [sk-two]")) as gateway:
            got = [await chat(gateway, b'{"model":"m","messages":[]}') for _ in range(6)]
            status = await gateway.team.status()
            return [one.status for one in got], await gateway.team.metrics(), json.dumps(status)

    statuses, metrics, status = asyncio.run(main())
    assert statuses == [200] * 6
    assert shown(upstream).count("Bearer sk-up") == 1
    assert 'penstock_upstream_keys_at_rest{upstream="up"} 1' in metrics
    assert '"keys_at_rest": 1' in status
    for text in (metrics, status, caplog.text):
        assert "sk-up" not in text
        assert "sk-two" not in text
    assert "key 1 of 2 of upstream 'up' rests" in caplog.text


@pytest.mark.parametrize("gap", [0.0, 0.01])
def test_an_error_that_repeats_the_key_is_told_without_it(upstream: ScriptedUpstream, gap: float) -> None:
    body = b'{"error":{"message":"what is sk-up?"}}'
    upstream.answers[CHAT] = Answer(400, body=body) if not gap else Answer(400, chunks=(body[:25], body[25:]), gap=gap)

    async def main() -> Got:
        async with running_gateway(config(upstream)) as gateway:
            return await chat(gateway, b'{"model":"m","messages":[]}')

    assert asyncio.run(main()).body == b'{"error":{"message":"what is ***?"}}'


# ---- probes


def test_it_asks_something_of_its_own(upstream: ScriptedUpstream) -> None:
    upstream.answers["/health"] = Answer(body=b"fine")
    upstream.answers["/v1/models"] = Answer(503, chunks=(b"no", b"t now"), gap=0.01)
    upstream.answers["/v1/chat/completions"] = Answer(body=b"x" * 1000)

    async def main() -> list[tuple[int, bytes]]:
        async with running_gateway(config(upstream)) as gateway:
            (target,) = gateway.gateway.upstreams.targets
            provider = target.provider
            assert isinstance(provider, HttpProvider)
            with pytest.raises(OverflowError):
                await provider.probe("POST", "chat/completions", b"{}", 1.0, 100)
            return [
                await provider.probe("GET", "/health", b"", 1.0, 100),
                await provider.probe("GET", "models", b"", 1.0, 100),
            ]

    assert asyncio.run(main()) == [(200, b"fine"), (503, b"not now")]
    assert [(request.method, request.target, request.body) for request in upstream.requests] == [
        ("POST", "/v1/chat/completions", b"{}"), ("GET", "/health", b""), ("GET", "/v1/models", b""),
    ]  # fmt: skip
    assert shown(upstream) == ["Bearer sk-up"] * 3


@pytest.mark.parametrize("turned", [False, True])
def test_a_call_ends_for_its_own_deadline_in_whatever_order_the_wheel_looks(
    upstream: ScriptedUpstream, turned: bool
) -> None:
    asked = threading.Event()

    def hold(connection: socket.socket, request: Request) -> None:
        asked.set()
        select.select([connection], [], [], 10.0)  # until it is hung up on

    upstream.answers[CHAT] = hold

    async def main() -> Got:
        async with running_gateway(config(upstream) + "timeouts: {total: 3s}\n") as gateway:
            call = asyncio.create_task(chat(gateway, b'{"model":"m","messages":[]}'))
            assert await asyncio.to_thread(asked.wait, 5.0)
            wheel = gateway.gateway.wheel
            for items in wheel._buckets.values() if turned else ():
                items.reverse()
            wheel.turn(gateway.gateway.clock.now() + 10.0)
            return await call

    got = asyncio.run(main())
    assert (got.status, got.headers["x-penstock-fault"]) == (504, "gateway")

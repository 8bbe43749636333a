"""The provider for upstreams of the caller's own dialect: named rewrites and nothing else, memos, usage."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from penstock.providers.http import HttpProvider
from tests.support.gateway import Running, running_gateway
from tests.support.scripted_upstream import EVENTS, JSON, Answer, ScriptedUpstream
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


@pytest.mark.parametrize("chunks", [None, (b"x" * 600, b"x" * 401)])
def test_an_answer_to_a_probe_is_bounded(upstream: ScriptedUpstream, chunks: tuple[bytes, ...] | None) -> None:
    upstream.answers["/metrics"] = Answer(body=b"x" * 1001, chunks=chunks)
    with pytest.raises(OverflowError):
        probe(upstream, "GET", "/metrics")

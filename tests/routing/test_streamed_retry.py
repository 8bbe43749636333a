"""A body that was streamed to an upstream cannot be sent again: its caller gets the answer of the one attempt."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.gateway import running_gateway
from tests.support.scripted_upstream import Answer, ScriptedUpstream
from tests.support.sockets import ask

PATH = "/v1/audio/transcriptions"
FORM = b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--B--\r\n'
FIELD = ("Content-Type", "multipart/form-data; boundary=B")


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        scripted.answers[PATH] = Answer(500, body=b'{"error":{"message":"no"}}')
        yield scripted


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_streamed_body_is_sent_once(upstream: ScriptedUpstream, framing: str) -> None:
    config = (
        f'upstreams: {{up: {{kind: openai, base_url: "{upstream.url}", api_key: k}}}}\n'
        "models: {m: {upstreams: [up]}}\nretries: {max: 2}\ntimeouts: {total: 3s}\n"
    )

    async def main() -> None:
        async with running_gateway(config) as gateway:
            fields, body = [gateway.bearer, FIELD], FORM
            if framing == "chunked":
                fields.append(("Transfer-Encoding", "chunked"))
                body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(FORM), FORM)
            answer = await ask(gateway.port, "POST", PATH, fields, body)
            assert answer.status == 500
            assert answer.headers["x-penstock-attempts"] == "1"

    asyncio.run(main())
    assert [request.body for request in upstream.requests] == [FORM]

"""The first five minutes: a gateway without any config, and real clients talking to the model in it."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, BadRequestError, OpenAI

from tests.support.running_gateway import RunningGateway

pytestmark = [pytest.mark.local, pytest.mark.slow]
HERE = Path(__file__).parent
ASK = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]


def test_it_is_offered_without_any_config(local_gateway: RunningGateway) -> None:
    assert "smollm2" in local_gateway.said
    assert "demonstration" in local_gateway.said


def test_chat(local_gateway: RunningGateway) -> None:
    with OpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="smollm2", messages=ASK, max_tokens=16, temperature=0, seed=1
        )
    answer = raw.parse()
    assert "Paris" in answer.choices[0].message.content
    assert 0 < answer.usage.completion_tokens <= 16
    assert raw.headers["x-penstock-upstream"] == "local"


def test_stream_with_and_without_usage(local_gateway: RunningGateway) -> None:
    with OpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        asked = {"model": "smollm2", "messages": ASK, "max_tokens": 16, "temperature": 0, "stream": True}
        plain = list(client.chat.completions.create(**asked))
        counted = list(client.chat.completions.create(**asked, stream_options={"include_usage": True}))
    assert "Paris" in "".join(chunk.choices[0].delta.content or "" for chunk in plain)
    assert all(chunk.usage is None for chunk in plain)
    assert counted[-1].choices == []
    assert counted[-1].usage.completion_tokens > 0


def test_chat_asyncio_and_abort(local_gateway: RunningGateway) -> None:
    """After a stream was left early the engine serves the next call."""

    async def talk() -> str:
        async with AsyncOpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, timeout=60) as client:
            stream = await client.chat.completions.create(
                model="smollm2", messages=[{"role": "user", "content": "Count to a hundred."}], stream=True
            )
            async for _ in stream:
                break
            await stream.close()
            answer = await client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=8, temperature=0)
            return answer.choices[0].message.content

    assert "Paris" in asyncio.run(talk())


def test_completions(local_gateway: RunningGateway) -> None:
    with OpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        answer = client.completions.create(
            model="smollm2", prompt="The capital of France is", max_tokens=4, temperature=0
        )
    assert "Paris" in answer.choices[0].text


def test_embeddings_as_a_client_asks_for_them(local_gateway: RunningGateway) -> None:
    """One and many, as floats and as base64 (which the client asks for by itself): the same vectors, in order."""
    texts = ["river", "a mill by the water", "the price of bread"]
    with OpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        many = client.embeddings.create(model="smollm2", input=texts)
        alone = client.embeddings.create(model="smollm2", input=texts[1], encoding_format="float")
    assert [item.index for item in many.data] == [0, 1, 2]
    assert many.usage.prompt_tokens == many.usage.total_tokens > len(texts)
    assert many.data[1].embedding == pytest.approx(alone.data[0].embedding, abs=0.02)
    assert sum(number * number for number in many.data[0].embedding) == pytest.approx(1.0, abs=1e-4)


def test_a_text_too_long_to_embed_is_the_callers_doing(local_gateway: RunningGateway) -> None:
    with OpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        with pytest.raises(BadRequestError, match="at most") as refused:
            client.embeddings.create(model="smollm2", input=["short", "river " * 600])
        assert refused.value.code == "context_length_exceeded"
        with pytest.raises(BadRequestError, match="empty"):
            client.embeddings.create(model="smollm2", input="")
        assert client.embeddings.create(model="smollm2", input="river").data[0].embedding


def test_embeddings_and_responses(local_gateway: RunningGateway) -> None:
    with OpenAI(base_url=local_gateway.v1, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        vectors = client.embeddings.create(model="smollm2", input=["river", "water"], encoding_format="float").data
        answer = client.responses.create(model="smollm2", input=ASK[0]["content"], max_output_tokens=16, temperature=0)
    assert [len(item.embedding) for item in vectors] == [576, 576]
    assert "Paris" in answer.output_text


def test_anthropic(local_gateway: RunningGateway) -> None:
    with Anthropic(base_url=local_gateway.url, api_key=local_gateway.key, max_retries=0, timeout=60) as client:
        answer = client.messages.create(model="smollm2", max_tokens=16, messages=ASK, extra_body={"temperature": 0})
    assert "Paris" in answer.content[0].text


@pytest.mark.node
def test_node(local_gateway: RunningGateway, node: str) -> None:
    done = subprocess.run(
        [node, HERE / "chat.mjs", local_gateway.v1, local_gateway.key, "smollm2"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["streamed"]
    assert 0 < found["tokens"] <= 12


def test_the_printed_line_works_when_pasted(local_gateway: RunningGateway) -> None:
    line = local_gateway.said.partition("try it:\n")[2]
    assert "smollm2" in line
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120)
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] <= 256  # the default limit of the embedded model

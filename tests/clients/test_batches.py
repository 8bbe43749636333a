"""The real clients make, follow and read batch jobs."""

import io
import json
import time
from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.support.batch_gateway import batch_gateway
from tests.support.jobs import CHAT, jsonl, line
from tests.support.running_gateway import RunningGateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with batch_gateway(tmp_path_factory.mktemp("home")) as gateway:
        yield gateway


def test_openai_python(gateway: RunningGateway) -> None:
    with openai.OpenAI(base_url=gateway.v1, api_key="none", max_retries=0) as client:
        data = io.BytesIO(jsonl(*(line(n) for n in range(20))))
        file = client.files.create(file=("in.jsonl", data), purpose="batch")
        assert client.files.retrieve(file.id).filename == "in.jsonl"
        batch = client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"a": "b"}
        )
        until = time.monotonic() + 20
        while batch.status != "completed":
            assert time.monotonic() < until, batch
            time.sleep(0.02)
            batch = client.batches.retrieve(batch.id)
        assert batch.request_counts is not None
        assert (batch.request_counts.total, batch.request_counts.completed) == (20, 20)
        assert batch.usage is not None
        assert batch.usage.total_tokens > 0
        assert batch.output_file_id is not None
        rows = [json.loads(row) for row in client.files.content(batch.output_file_id).text.splitlines()]
        assert [row["custom_id"] for row in rows] == [f"id-{n}" for n in range(20)]
        assert batch.id in [one.id for one in client.batches.list(limit=1)]
        assert {one.id for one in client.files.list(limit=1)} >= {file.id, batch.output_file_id}
        assert client.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(file.id)
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(batch.id)


def test_anthropic_python(gateway: RunningGateway) -> None:
    with anthropic.Anthropic(base_url=gateway.url, api_key="none", max_retries=0) as client:
        batches = client.messages.batches
        asked = {"model": "echo", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        batch = batches.create(requests=[{"custom_id": f"m{n}", "params": asked} for n in range(3)])  # type: ignore[typeddict-item]
        until = time.monotonic() + 20
        while batch.processing_status != "ended":
            assert time.monotonic() < until, batch
            time.sleep(0.02)
            batch = batches.retrieve(batch.id)
        assert batch.request_counts.succeeded == 3
        assert [(one.custom_id, one.result.type) for one in batches.results(batch.id)] == [
            (f"m{n}", "succeeded") for n in range(3)
        ]
        assert batch.id in [one.id for one in batches.list()]
        assert batches.delete(batch.id).id == batch.id

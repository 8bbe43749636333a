"""Jobs passed on to a provider that has a batch API of its own: a mock that keeps files and batches in memory."""

import asyncio
import json
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from penstock.process.loop import run
from tests.support.gateway import Running, running_gateway
from tests.support.jobs import ended, jsonl, line, make, rows, told
from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream


class Provider(ScriptedUpstream):
    """See the module. ``did``: what was asked, ``lost``: answers to a creation that never arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.did: Counter[str] = Counter()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.lost = 0
        self.leaves: set[str] = set()
        self.refuses = False
        self.holds = False
        self._lock = threading.Lock()

    def _answer(self, connection: socket.socket, request: Request) -> None:
        with self._lock:
            answer = self._told(request)
        if answer is None:
            raise OSError("lost")
        connection.sendall(answer.head() + answer.body)

    def _told(self, request: Request) -> Answer | None:
        path = request.target.partition("?")[0].removeprefix("/v1")
        self.did[f"{request.method} {path.partition('-')[0]}"] += 1
        if path == "/chat/completions":
            return said({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}, "online": True})
        if path == "/files":
            if self.refuses:
                return Answer(400)
            id = f"file-{len(self.files)}"
            self.files[id] = request.body.partition(b'"file"')[2].partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
            return said({"id": id})
        if path == "/batches" and request.method == "GET":
            return said({"data": list(self.batches.values())})
        if path == "/batches":
            asked = json.loads(request.body)
            id = f"batch-{len(self.batches)}"
            self.batches[id] = {"id": id, "status": "in_progress", **asked}
            self.lost -= 1
            return None if self.lost >= 0 else said(self.batches[id])
        if path.endswith("/cancel"):
            self.holds = False
            self._finish(path.split("/")[2], "cancelled")
            return said(self.batches[path.split("/")[2]])
        if path.startswith("/batches/"):
            if not self.holds:
                self._finish(path.split("/")[2], "completed")
            return said(self.batches[path.split("/")[2]])
        return Answer(body=self.files[path.split("/")[2]])

    def _finish(self, id: str, status: str) -> None:
        batch = self.batches[id]
        if batch["status"] != "in_progress":
            return
        out = []
        for raw in self.files[batch["input_file_id"]].splitlines():
            asked = json.loads(raw)
            if asked["custom_id"] in self.leaves:
                continue
            body = {"choices": [], "model": asked["body"]["model"], "of": asked["body"]["messages"][0]["content"],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 10}}  # fmt: skip
            out.append(
                {"custom_id": asked["custom_id"], "response": {"status_code": 200, "request_id": "p", "body": body}}
            )
        self.files[f"file-out-{id}"] = jsonl(*reversed(out))  # in an order of its own
        batch |= {"status": status, "output_file_id": f"file-out-{id}"}


def said(value: Any) -> Answer:
    return Answer(body=json.dumps(value).encode())


def at(act: Any, provider: Provider, *, share: float = 0.5, window: str = "12h", more: str = "") -> None:
    with provider:
        text = f"""
upstreams:
  eu: {{kind: openai, base_url: "{provider.url}", price: {{input: 2.0, output: 8.0}}}}
models: {{echo: {{upstreams: [eu], upstream_model: gpt}}}}
auth: {{mode: open}}
jobs: {{delegate: {{upstreams: [eu], price: {share}, window: {window}, poll: 50ms}}}}
{more}
"""

        async def main() -> None:
            async with running_gateway(text) as gateway, asyncio.timeout(110):
                await act(gateway)

        run(main())


def test_a_job_is_passed_on_and_its_answers_come_back_under_their_own_names() -> None:
    provider = Provider()

    async def act(gateway: Running) -> None:
        job = await ended(gateway, (await make(gateway, jsonl(*(line(n) for n in range(30)))))["id"])
        assert job["request_counts"] == {"total": 30, "completed": 30, "failed": 0}
        found = await rows(gateway, job["output_file_id"])
        assert [row["custom_id"] for row in found] == [f"id-{n}" for n in range(30)]
        assert [row["response"]["body"]["of"] for row in found] == [f"n{n}" for n in range(30)]
        assert {row["response"]["body"]["model"] for row in found} == {"gpt"}
        assert job["usage"]["total_tokens"] == 30 * 110
        (row,) = (await told(gateway, "GET", "/admin/v1/jobs"))["jobs"]
        assert (row["delegated_to"], row["micro_dollars"]) == ("eu", 30 * (100 * 1 + 10 * 4))
        spent = (await told(gateway, "GET", "/admin/v1/cost?upstream=eu"))["total"]
        assert (spent["cost"], spent["saved"]["batching"]) == (row["micro_dollars"], row["micro_dollars"])
        assert spent["cost"] == round(
            1e6 * sum(one["cost"] for one in (await told(gateway, "GET", "/admin/v1/journal"))["rows"])
        )

    at(act, provider)
    assert provider.did["POST /chat/completions"] == 0
    assert (provider.did["POST /files"], provider.did["POST /batches"]) == (1, 1)


@pytest.mark.parametrize(("share", "window", "asked"), [(1.0, "12h", "24h"), (0.5, "23h", "1h")])
def test_one_that_would_be_no_cheaper_or_too_late_stays(share: float, window: str, asked: str) -> None:
    provider = Provider()

    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(line(1), line(2)), completion_window=asked)
        assert (await ended(gateway, job["id"]))["request_counts"]["completed"] == 2

    at(act, provider, share=share, window=window)
    assert (provider.did["POST /chat/completions"], provider.did["POST /batches"]) == (2, 0)


def test_what_the_provider_leaves_is_done_here() -> None:
    provider = Provider()
    provider.leaves = {"1", "3"}

    async def act(gateway: Running) -> None:
        job = await ended(gateway, (await make(gateway, jsonl(*(line(n) for n in range(5)))))["id"])
        found = await rows(gateway, job["output_file_id"])
        assert ["online" in row["response"]["body"] for row in found] == [False, True, False, True, False]

    at(act, provider)
    assert provider.did["POST /chat/completions"] == 2


def test_a_provider_that_refuses_does_not_stop_the_job() -> None:
    provider = Provider()
    provider.refuses = True

    async def act(gateway: Running) -> None:
        job = await ended(gateway, (await make(gateway, jsonl(line(1))))["id"])
        assert job["status"] == "completed"

    at(act, provider)
    assert provider.did["POST /chat/completions"] == 1


def test_a_batch_whose_making_was_not_answered_is_found_and_not_made_twice() -> None:
    provider = Provider()
    provider.lost = 1

    async def act(gateway: Running) -> None:
        job = await ended(gateway, (await make(gateway, jsonl(line(1))))["id"])
        assert job["request_counts"]["completed"] == 1

    at(act, provider)
    assert (len(provider.batches), provider.did["POST /chat/completions"]) == (1, 0)


def test_cancelled_the_provider_is_told_and_what_it_did_is_kept() -> None:
    provider = Provider()
    provider.holds, provider.leaves = True, {"0"}

    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(line(0), line(1)))
        async with asyncio.timeout(60):
            while not provider.batches:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        await told(gateway, "POST", f"/v1/batches/{job['id']}/cancel")
        job = await ended(gateway, job["id"])
        assert (job["status"], job["request_counts"]["completed"]) == ("cancelled", 1)
        assert [row["custom_id"] for row in await rows(gateway, job["error_file_id"])] == ["id-0"]

    at(act, provider)
    assert provider.did["POST /chat/completions"] == 0


def test_a_gateway_that_starts_anew_waits_for_the_batch_that_was_made(tmp_path: Any) -> None:
    provider = Provider()
    provider.holds = True
    made: dict[str, Any] = {}

    async def begin(gateway: Running) -> None:
        made.update(await make(gateway, jsonl(line(0), line(1))))
        async with asyncio.timeout(60):
            while not provider.did["GET /batches/batch"]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    async def go_on(gateway: Running) -> None:
        provider.holds = False
        assert (await ended(gateway, made["id"]))["request_counts"]["completed"] == 2

    with provider:
        text = f"""
upstreams: {{eu: {{kind: openai, base_url: "{provider.url}", price: {{input: 2.0, output: 8.0}}}}}}
models: {{echo: {{upstreams: [eu]}}}}
auth: {{mode: open}}
jobs: {{directory: {tmp_path}/jobs, delegate: {{upstreams: [eu], window: 12h, poll: 50ms}}}}
"""

        async def main() -> None:
            for act in (begin, go_on):
                async with running_gateway(text) as gateway, asyncio.timeout(110):
                    await act(gateway)

        run(main())
    assert (len(provider.batches), provider.did["POST /chat/completions"]) == (1, 0)

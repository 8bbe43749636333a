"""Batch jobs through a whole worker, over a socket."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.assemble_jobs import jobs_directory
from penstock.config import Config, ConfigError
from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway
from tests.support.jobs import CHAT, ended, jsonl, key, line, make, rows, told
from tests.support.scripted_upstream import Answer, ScriptedUpstream


def at(act: Any, text: str = ECHO) -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(110):
            await act(gateway)

    run(main())


def test_a_job_from_its_upload_to_its_answers() -> None:
    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(*(line(n) for n in range(50))), metadata={"a": "b"})
        assert (job["status"], job["metadata"]) == ("validating", {"a": "b"})
        job = await ended(gateway, job["id"])
        assert job["status"] == "completed"
        assert job["request_counts"] == {"total": 50, "completed": 50, "failed": 0}
        found = await rows(gateway, job["output_file_id"])
        assert [row["custom_id"] for row in found] == [f"id-{n}" for n in range(50)]
        for n, row in enumerate(found):
            assert row["response"]["body"]["choices"][0]["message"]["content"] == f"n{n}"
        tokens = [row["response"]["body"]["usage"]["total_tokens"] for row in found]
        assert job["usage"]["total_tokens"] == sum(tokens) > 0
        page = (await ask(gateway.port, "GET", "/metrics", key(gateway))).body.decode()
        assert 'penstock_jobs_lines_total{result="ok"} 50' in page
        assert (
            'penstock_requests_total{operation="chat",model="echo",upstream="echo",status="200",fault="none"} 50'
            in page
        )

    at(act)


def test_lines_are_calls_of_the_key_whose_job_it_is() -> None:
    async def act(gateway: Running) -> None:
        await ended(gateway, (await make(gateway, jsonl(line(1))))["id"])
        calls = (await told(gateway, "GET", "/admin/v1/calls"))["calls"]
        (call,) = [one for one in calls if one["operation"] == "chat"]
        owners = {one["key"] for one in calls if one["operation"] == "batches"}
        assert {call["key"]} == owners != {"open"}

    at(act)


def test_a_reload_in_mid_job_loses_nothing_and_new_settings_count() -> None:
    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(*(line(n) for n in range(800))))
        text = gateway.path.read_text()
        for limit in (2, 50):
            gateway.path.write_text(text + f"\njobs: {{concurrency: {limit}}}\n")
            assert (await gateway.team.reload())["ok"]
        job = await ended(gateway, job["id"])
        assert job["request_counts"] == {"total": 800, "completed": 800, "failed": 0}

    at(act)


def test_switched_off_everything_passes() -> None:
    with ScriptedUpstream() as upstream:
        upstream.answers["/v1/files"] = Answer(body=b'{"theirs":true}')
        text = f'upstreams: {{u: {{kind: openai, base_url: "{upstream.url}"}}}}\nmodels: {{m: {{upstreams: [u]}}}}\n'

        async def act(gateway: Running) -> None:
            assert await told(gateway, "GET", "/v1/files") == {"theirs": True}

        at(act, text + "jobs: {enabled: false}\nauth: {mode: open}\n")


def test_a_revoked_key_ends_its_jobs() -> None:
    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(*(line(n) for n in range(3000))))
        jobbing = gateway.gateway.jobbing
        assert jobbing is not None
        jobbing.jobs.desk.may = lambda key: False
        async with asyncio.timeout(40):
            while (one := (await told(gateway, "GET", f"/v1/batches/{job['id']}")))["status"] != "cancelled":  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        assert one["errors"]["data"][0]["code"] == "key_revoked"

    at(act)


def test_a_delegate_must_be_there() -> None:
    async def act(gateway: Running) -> None:
        raise AssertionError

    for names in ("[gone]", "[echo]"):
        with pytest.raises(ConfigError, match="no upstream of kind openai"):
            at(act, OPEN_ECHO + f"jobs: {{delegate: {{upstreams: {names}}}}}\n")


def test_where_jobs_are(tmp_path: Path) -> None:
    def of(text: str) -> str:
        return jobs_directory(Config.parse(text, "f", {}), {"XDG_CONFIG_HOME": "/c"})

    assert of("{}") == "/c/penstock/jobs"
    assert of("store: memory") == "/c/penstock/jobs"
    assert of("store: sqlite:/s/x.sqlite") == "/s/jobs"
    assert of("jobs: {directory: /d}") == "/d"


def test_another_gateway_on_the_same_folder_goes_on_where_one_ended(tmp_path: Path) -> None:
    text = OPEN_ECHO + f"jobs: {{directory: {tmp_path}/jobs, concurrency: 4}}\n"
    made: dict[str, Any] = {}

    async def begin(gateway: Running) -> None:
        made.update(await make(gateway, jsonl(*(line(n) for n in range(3000)))))
        async with asyncio.timeout(40):
            while not (await told(gateway, "GET", f"/v1/batches/{made['id']}"))["request_counts"]["completed"]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    async def go_on(gateway: Running) -> None:
        job = await ended(gateway, made["id"])
        assert job["request_counts"] == {"total": 3000, "completed": 3000, "failed": 0}
        names = [row["custom_id"] for row in await rows(gateway, job["output_file_id"])]
        assert names == [f"id-{n}" for n in range(3000)]

    at(begin, text)
    at(go_on, text)


def test_two_gateways_share_a_folder_and_one_has_the_job(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answers[CHAT] = Answer(body=b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
        text = f"""
upstreams: {{echo: {{kind: openai, base_url: "{upstream.url}"}}}}
models: {{echo: {{upstreams: [echo]}}}}
auth: {{mode: open}}
jobs: {{directory: {tmp_path}/jobs}}
"""

        async def main() -> None:
            async with running_gateway(text) as one, running_gateway(text) as other, asyncio.timeout(110):
                made = [await make(one, jsonl(*(line(n) for n in range(40)))) for _ in range(4)]
                for job in made:
                    assert (await ended(other, job["id"]))["request_counts"]["completed"] == 40

        run(main())
        sent = [json.loads(request.body)["messages"][0]["content"] for request in upstream.requests]
        assert sorted(sent) == sorted(f"n{n}" for n in range(40) for _ in range(4))
        keys = [request.header("idempotency-key") for request in upstream.requests]
        assert len(set(keys)) == 160

"""What callers ask of files and jobs, over a socket."""

import asyncio
import json
from typing import Any

import pytest

from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway
from tests.support.jobs import CHAT, ended, jsonl, line, make, rows, send, told, until, upload
from tests.support.scripted_upstream import Answer, ScriptedUpstream


def at(act: Any, text: str = OPEN_ECHO) -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(110):
            await act(gateway)

    run(main())


def test_files_are_listed_shown_read_and_deleted() -> None:
    async def act(gateway: Running) -> None:
        ids = [await upload(gateway, b"%d\n" % n) for n in range(5)]
        page = await told(gateway, "GET", "/v1/files?limit=2&purpose=batch")
        assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:2:-1], True)
        page = await told(gateway, "GET", f"/v1/files?after={ids[3]}")
        assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[2::-1], False)
        assert (await told(gateway, "GET", "/v1/files?purpose=batch_output"))["data"] == []
        assert (await told(gateway, "GET", f"/v1/files/{ids[0]}"))["bytes"] == 2
        content = await ask(gateway.port, "GET", f"/v1/files/{ids[3]}/content")
        assert (content.body, content.headers["content-length"]) == (b"3\n", "2")
        assert await told(gateway, "DELETE", f"/v1/files/{ids[0]}") == {
            "id": ids[0], "object": "file", "deleted": True,
        }  # fmt: skip
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            answer = await told(gateway, method, f"/v1/files/{ids[0]}{path}", status=404)
            assert answer["error"]["code"] == "file_not_found"
        await told(gateway, "POST", f"/v1/files/{ids[1]}", status=405)

    at(act)


def test_a_key_sees_its_own_only() -> None:
    async def act(gateway: Running) -> None:
        from penstock.assemble_keys import key_store

        file = await upload(gateway, jsonl(line(1)))
        job = await make(gateway, jsonl(line(1)))
        store = key_store(gateway.gateway.config, {})
        store.open()
        _, other = store.add("other", ("call",))
        assert gateway.gateway.keys.ring is not None
        gateway.gateway.keys.ring.replace(store.keys)
        fields = [("Authorization", f"Bearer {other}")]
        for path in (f"/v1/files/{file}", f"/v1/files/{file}/content", f"/v1/batches/{job['id']}"):
            assert (await ask(gateway.port, "GET", path, fields)).status == 404
        wanted = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
        assert (await ask(gateway.port, "POST", "/v1/batches", fields, wanted)).status == 404
        assert (await ask(gateway.port, "POST", f"/v1/batches/{job['id']}/cancel", fields)).status == 404
        for path in ("/v1/files", "/v1/batches"):
            assert (await ask(gateway.port, "GET", path, fields)).json()["data"] == []

    at(act, ECHO)


@pytest.mark.parametrize(
    ("data", "code", "number"),
    [
        (b"", "empty_file", None),
        (b"\n\n", "empty_file", None),
        (jsonl(line(1), b"{broken", line(2)), "invalid_json_line", 2),
        (jsonl(line(1), line(2), line(1)), "duplicate_custom_id", 3),
        (jsonl(line(1), b"\xff\xfe"), "invalid_json_line", 2),
        (jsonl(line(1, model="nobody")), "model_not_found", 1),
        (jsonl(line(1), line(2, "/v1/embeddings")), "mismatched_url", 2),
        (jsonl(line(1), line(2), line(3), line(4)), "too_many_tasks", 4),
        (jsonl(line(1, user="x" * 5000)), "line_too_long", 1),
    ],
)
def test_a_wrong_file_fails_the_job_and_says_where(data: bytes, code: str, number: int | None) -> None:
    async def act(gateway: Running) -> None:
        job = await ended(gateway, (await make(gateway, data))["id"])
        assert (job["status"], job["output_file_id"]) == ("failed", None)
        assert [(one["code"], one["line"]) for one in job["errors"]["data"]] == [(code, number)]
        content = await ask(gateway.port, "GET", f"/v1/files/{job['input_file_id']}/content")
        assert content.body == data

    at(act, OPEN_ECHO + "jobs: {max_lines: 3, max_line: 4KiB}\n")


def test_what_cannot_be_made() -> None:
    async def act(gateway: Running) -> None:
        file = await upload(gateway, jsonl(line(1)))
        for facts, code in (
            ({"input_file_id": "file-pen-00000000000"}, "file_not_found"),
            ({"endpoint": "/v1/images/edits"}, "invalid_endpoint"),
            ({"completion_window": "9999d"}, "invalid_completion_window"),
        ):
            wanted = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"} | facts
            answer = await ask(gateway.port, "POST", "/v1/batches", [], wanted)
            assert (answer.json()["error"]["code"], answer.status in (400, 404)) == (code, True)
        for body in (b"", b"[]", b"{"):
            assert (await ask(gateway.port, "POST", "/v1/batches", [], body)).status == 400
        assert (await told(gateway, "GET", "/v1/batches"))["data"] == []

    at(act)


def test_too_many_open_jobs_are_refused() -> None:
    with ScriptedUpstream() as upstream:
        upstream.answers[CHAT] = Answer(503, (("retry-after", "60"), ("content-type", "application/json")))
        text = f'upstreams: {{echo: {{kind: openai, base_url: "{upstream.url}"}}}}\n'
        text += "models: {echo: {upstreams: [echo]}}\n"

        async def act(gateway: Running) -> None:
            made = [await make(gateway, jsonl(line(1))) for _ in range(2)]
            file = await upload(gateway, jsonl(line(1)))
            wanted = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
            answer = await ask(gateway.port, "POST", "/v1/batches", [], wanted)
            assert (answer.status, answer.json()["error"]["code"]) == (429, "too_many_jobs")
            assert "retry-after" in answer.headers
            await told(gateway, "POST", f"/v1/batches/{made[0]['id']}/cancel")
            await ended(gateway, made[0]["id"])
            await told(gateway, "POST", "/v1/batches", wanted)

        at(act, text + "auth: {mode: open}\njobs: {open: 2}\nretries: {max: 0}\n")


def test_what_is_of_others_passes() -> None:
    with ScriptedUpstream() as upstream:
        for path in ("/v1/files", "/v1/files/file-1", "/v1/batches", "/v1/batches/batch_1/cancel"):
            upstream.answers[path] = Answer(body=b'{"theirs":true}')
        text = f'upstreams: {{u: {{kind: openai, base_url: "{upstream.url}"}}}}\nmodels: {{m: {{upstreams: [u]}}}}\n'

        async def act(gateway: Running) -> None:
            theirs = {"theirs": True}
            assert await told(gateway, "GET", "/v1/files/file-1") == theirs
            assert await told(gateway, "GET", "/v1/files?purpose=assistants") == theirs
            assert await told(gateway, "GET", "/v1/batches?after=batch_1") == theirs
            wanted = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
            assert await told(gateway, "POST", "/v1/batches", wanted) == theirs
            assert json.loads(upstream.requests[-1].body) == wanted
            assert await told(gateway, "POST", "/v1/batches/batch_1/cancel") == theirs
            for parts in (
                (("purpose", b"assistants"), ("file", b"x" * 700_000)),
                (("file", b"x" * 700_000), ("purpose", b"assistants")),
                (("file", b"short"), ("purpose", b"vision")),
            ):
                assert (await send(gateway, *parts)).json() == theirs
                from tests.support.jobs import form

                assert upstream.requests[-1].body == form(*parts)
            assert (await told(gateway, "GET", "/v1/files"))["data"] == []

        at(act, text + "auth: {mode: open}\n")


def test_cancelled_what_was_answered_is_kept() -> None:
    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(*(line(n) for n in range(20_000))))
        await until(gateway, job["id"], lambda one: one["request_counts"]["completed"] > 10)
        seen = await told(gateway, "POST", f"/v1/batches/{job['id']}/cancel")
        assert seen["status"] in ("cancelling", "cancelled")
        assert seen["cancelling_at"] is not None
        job = await ended(gateway, job["id"])
        assert job["status"] == "cancelled"
        good, bad = await rows(gateway, job["output_file_id"]), await rows(gateway, job["error_file_id"])
        assert job["request_counts"]["completed"] == len(good)
        assert sorted(row["custom_id"] for row in good + bad) == sorted(f"id-{n}" for n in range(20_000))
        assert {row["error"]["code"] for row in bad} == {"batch_cancelled"}
        answer = await told(gateway, "POST", f"/v1/batches/{job['id']}/cancel", status=409)
        assert answer["error"]["code"] == "batch_ended"

    at(act)


def test_a_file_may_go_while_its_job_runs() -> None:
    async def act(gateway: Running) -> None:
        job = await make(gateway, jsonl(*(line(n) for n in range(1500))))
        await told(gateway, "DELETE", f"/v1/files/{job['input_file_id']}")
        assert (await ended(gateway, job["id"]))["request_counts"]["completed"] == 1500

    at(act)


def test_batches_of_messages() -> None:
    params = {"model": "echo", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    requests = [{"custom_id": f"m{n}", "params": params} for n in range(3)]
    path = "/v1/messages/batches"

    async def act(gateway: Running) -> None:
        made = await told(gateway, "POST", path, {"requests": requests})
        async with asyncio.timeout(60):
            while (one := await told(gateway, "GET", f"{path}/{made['id']}"))["processing_status"] != "ended":  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
        assert one["request_counts"]["succeeded"] == 3
        answer = await ask(gateway.port, "GET", one["results_url"])
        assert [json.loads(each)["result"]["message"]["content"][0]["text"] for each in answer.body.splitlines()] == [
            "hi"
        ] * 3
        assert [each["id"] for each in (await told(gateway, "GET", path))["data"]] == [made["id"]]
        assert (await told(gateway, "GET", "/v1/batches"))["data"] == []
        await told(gateway, "DELETE", f"{path}/{made['id']}")
        await told(gateway, "GET", f"{path}/{made['id']}", status=404)
        wrong = await told(gateway, "POST", path, {"requests": []}, status=400)
        assert wrong["type"] == "error"

    at(act)

"""A job at work against upstreams that fail, refuse and dawdle, over a socket."""

import asyncio
import errno
import json
import socket
import threading
import time
from collections import Counter
from typing import Any

import pytest

from penstock.jobs.place.store import write_all
from penstock.process.loop import run
from tests.support.gateway import Running, running_gateway
from tests.support.jobs import CHAT, ended, jsonl, line, make, rows, told, until
from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream

GOOD = Answer(body=b'{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1}}')


class Fickle:
    """Answers a line by what it says: ``asked`` counts, ``most`` is how many it had at once."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.at_once = self.most = 0
        self.full = 0
        self.pace = 0.0
        self.hold: threading.Event | None = None
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket, request: Request) -> None:
        text = json.loads(request.body)["messages"][0]["content"]
        with self._lock:
            self.asked[text] += 1
            tried = self.asked[text]
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            refuse = self.full > 0
            self.full -= refuse
        time.sleep(self.pace)
        if self.hold is not None:
            self.hold.wait(60)
        answer = GOOD
        if refuse:
            answer = Answer(429, (("retry-after", "1"), ("content-type", "application/json")), b'{"error":{}}')
        elif text == "bad":
            answer = Answer(400, body=b'{"error":{"message":"no","code":"bad"}}')
        elif text == "broken" or (text == "shaky" and tried < 3):
            answer = Answer(500, body=b"oops")
        with self._lock:
            self.at_once -= 1
        connection.sendall(answer.head() + answer.body)


def at(act: Any, jobs: str = "{}", timeouts: str = "{}") -> Fickle:
    fickle = Fickle()
    with ScriptedUpstream() as upstream:
        upstream.answers[CHAT] = fickle
        text = f"""
upstreams: {{echo: {{kind: openai, base_url: "{upstream.url}", price: {{input: 1.0, output: 10.0}}}}}}
models: {{echo: {{upstreams: [echo]}}}}
auth: {{mode: open}}
retries: {{max: 0}}
timeouts: {timeouts}
jobs: {jobs}
health: {{failures: 1000}}
"""

        async def main() -> None:
            async with running_gateway(text.replace("health: {failures: 1000}\n", "")) as gateway:
                async with asyncio.timeout(110):
                    await act(gateway, fickle)

        run(main())
    return fickle


def says(number: int, text: str) -> Any:
    return line(number, messages=[{"role": "user", "content": text}])


def test_lines_that_fail_are_told_and_the_others_are_not_touched() -> None:
    async def act(gateway: Running, fickle: Fickle) -> None:
        job = await make(gateway, jsonl(says(1, "a"), says(2, "bad"), says(3, "b")))
        job = await ended(gateway, job["id"])
        assert (job["status"], job["request_counts"]) == ("completed", {"total": 3, "completed": 2, "failed": 1})
        (wrong,) = await rows(gateway, job["error_file_id"])
        assert (wrong["custom_id"], wrong["response"]["status_code"]) == ("id-2", 400)
        assert wrong["response"]["body"]["error"]["code"] == "bad"
        assert job["usage"]["input_tokens"] == 4
        (row,) = (await told(gateway, "GET", "/admin/v1/jobs"))["jobs"]
        assert row["micro_dollars"] == 2 * (2 * 1 + 1 * 10)

    assert at(act).asked == {"a": 1, "b": 1, "bad": 1}


def test_an_upstream_that_fails_is_asked_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.jobs.work.asked.service.FIRST_WAIT", 0.01)

    async def act(gateway: Running, fickle: Fickle) -> None:
        job = await ended(gateway, (await make(gateway, jsonl(says(1, "shaky"), says(2, "broken"))))["id"])
        assert job["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
        (wrong,) = await rows(gateway, job["error_file_id"])
        assert wrong["custom_id"] == "id-2"

    asked = at(act, "{attempts: 4}").asked
    assert (asked["shaky"], asked["broken"]) == (3, 4)


def test_a_full_upstream_is_waited_for_and_gets_less() -> None:
    async def act(gateway: Running, fickle: Fickle) -> None:
        fickle.full = 3
        job = await ended(gateway, (await make(gateway, jsonl(*(says(n, f"t{n}") for n in range(20)))))["id"])
        assert job["request_counts"] == {"total": 20, "completed": 20, "failed": 0}
        page = gateway.gateway.jobbing
        assert page is not None
        assert page.dump()["lines"]["full"] == 3

    assert sum(at(act, "{attempts: 1}").asked.values()) == 23


def test_no_more_lines_than_may_be_are_in_flight() -> None:
    async def act(gateway: Running, fickle: Fickle) -> None:
        fickle.pace = 0.005
        job = await ended(gateway, (await make(gateway, jsonl(*(says(n, f"t{n}") for n in range(100)))))["id"])
        assert job["request_counts"]["completed"] == 100

    assert 1 < at(act, "{concurrency: 5}").most <= 5


def test_a_busy_gateway_pauses_its_jobs() -> None:
    async def act(gateway: Running, fickle: Fickle) -> None:
        overload = gateway.gateway.overload
        overload.in_flight = overload.limit
        job = await make(gateway, jsonl(says(1, "a")))
        await until(gateway, job["id"], lambda one: one["status"] == "in_progress")
        by = asyncio.get_running_loop().time() + 60
        while (await told(gateway, "GET", "/admin/v1/jobs"))["jobs"][0].get("paused") != "load":
            assert asyncio.get_running_loop().time() < by
            await asyncio.sleep(0.02)
        assert not fickle.asked
        overload.in_flight = 0
        assert (await ended(gateway, job["id"]))["status"] == "completed"

    at(act)


def test_a_job_that_is_late_expires_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.jobs.work.service.GRACE_SECONDS", 0.2)

    async def act(gateway: Running, fickle: Fickle) -> None:
        fickle.hold = threading.Event()
        job = await make(gateway, jsonl(*(says(n, f"t{n}") for n in range(9))), completion_window="1s")
        job = await ended(gateway, job["id"])
        fickle.hold.set()
        assert (job["status"], job["expired_at"] is not None) == ("expired", True)
        found = await rows(gateway, job["error_file_id"])
        assert [row["custom_id"] for row in found] == [f"id-{n}" for n in range(9)]
        assert {row["error"]["code"] for row in found} == {"batch_expired"}

    at(act)


def test_a_full_disk_stops_a_job_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.jobs.work.asked.service.STALL_SECONDS", 0.01)
    monkeypatch.setattr("penstock.jobs.service.PAUSE_SECONDS", 0.1)

    async def act(gateway: Running, fickle: Fickle) -> None:
        jobbing = gateway.gateway.jobbing
        assert jobbing is not None
        place, room = jobbing.jobs.desk.shelf.place, [6000]

        def write(file: int, data: bytes) -> None:
            taken = data[: max(0, room[0])]
            room[0] -= len(taken)
            write_all(file, taken)
            if len(taken) < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")

        job = await make(gateway, jsonl(*(says(n, f"t{n}") for n in range(60))))
        place.write = write
        by = asyncio.get_running_loop().time() + 60
        while not jobbing.dump()["stalled"]:
            assert asyncio.get_running_loop().time() < by
            await asyncio.sleep(0.01)
        asked = sum(fickle.asked.values())
        assert asked < 60
        place.write = write_all
        job = await ended(gateway, job["id"])
        assert job["request_counts"] == {"total": 60, "completed": 60, "failed": 0}
        assert len(await rows(gateway, job["output_file_id"])) == 60

    fickle = at(act, "{concurrency: 4}")
    assert set(fickle.asked.values()) == {1}

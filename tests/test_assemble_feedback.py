import asyncio
import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

from penstock.assemble_feedback import Hearing
from penstock.assemble_keys import key_store
from penstock.process.loop import run
from tests.support.gateway import ECHO, Running, ask, running_gateway
from tests.support.running_gateway import running_gateway as gateway_process

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}


def at(act: Any, text: str = ECHO) -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(60):
            await act(gateway)

    run(main())


async def call(one: Running, key: str) -> str:
    answer = await ask(one.port, "POST", CHAT, [("Authorization", f"Bearer {key}")], BODY)
    assert answer.status == 200
    return answer.headers["x-request-id"]


async def say(one: Running, key: str, **said: Any) -> tuple[int, dict[str, Any]]:
    answer = await ask(one.port, "POST", "/v1/feedback", [("Authorization", f"Bearer {key}")], said)
    return answer.status, answer.json()


async def another_key(one: Running) -> str:
    _, secret = key_store(one.gateway.config, os.environ).add("other", ["call"])
    while one.gateway.keys.ring is None or one.gateway.keys.ring.find(secret.encode()) is None:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)
    return secret


def test_a_score_is_counted_kept_and_shown_beside_the_call() -> None:
    async def act(one: Running) -> None:
        id = await call(one, one.key)
        status, told = await say(one, one.key, request_id=id, score=0.25, label="too long")
        assert (status, told["model"], told["score"], told["first"], told["kept"]) == (200, "echo", 0.25, True, True)
        status, told = await say(one, one.key, request_id=id, rating="up", label="no - fine")
        assert (status, told["first"]) == (200, False)
        watching = one.gateway.watching
        assert watching is not None
        assert watching.tally._window.feedback == {"echo": (1, 0.25)}, "who says something twice is heard once"
        page = (await ask(one.port, "GET", "/metrics", [one.bearer])).body.decode()
        assert 'penstock_feedback_total{model="echo"} 1\n' in page
        assert 'penstock_feedback_score_total{model="echo"} 0.25\n' in page
        rows = (await ask(one.port, "GET", "/admin/v1/journal?last=5", [one.bearer])).json()["rows"]
        assert [(row["score"], row["label"]) for row in rows if row["id"] == id] == [(1.0, "no - fine")]
        (kept,) = (await ask(one.port, "GET", "/admin/v1/feedback", [one.bearer])).json()["feedback"]
        assert (kept["id"], kept["model"], kept["score"]) == (id, "echo", 1.0)

    at(act)


def test_a_call_of_another_key_is_as_unknown_as_one_that_never_was() -> None:
    async def act(one: Running) -> None:
        id, other = await call(one, one.key), await another_key(one)
        for asked in (id, "req_nobody"):
            status, told = await say(one, other, request_id=asked, score=1)
            assert (status, told["error"]["code"]) == (404, "call_not_found")
        assert (await say(one, "sk-pen-wrong", request_id=id, score=1))[0] == 401
        assert (await say(one, other, request_id=await call(one, other), score=1))[0] == 200

    at(act)


def test_a_call_that_only_the_journal_remembers_is_found_and_searches_are_bounded() -> None:
    async def act(one: Running) -> None:
        id = await call(one, one.key)
        assert (await say(one, one.key, request_id=id, score=1))[0] == 200
        now = one.gateway.clock.now()
        one.gateway.clock.now = lambda: now  # type: ignore[method-assign]  # more may be asked as time goes by
        unknown = [(await say(one, one.key, request_id=f"req_{number}", score=1))[0] for number in range(31)]
        assert set(unknown) == {404, 429}

    at(act, ECHO + "observe: {recent: 0}\n")


def test_a_model_that_a_caller_made_up_is_no_label() -> None:
    async def act(one: Running) -> None:
        wrong = BODY | {"model": "made-up\x1b[31m"}
        answer = await ask(one.port, "POST", CHAT, [one.bearer], wrong)
        assert answer.status == 404
        assert (await say(one, one.key, request_id=answer.headers["x-request-id"], score=1))[0] == 200
        watching = one.gateway.watching
        assert watching is not None
        assert watching.tally._window.feedback == {"(unknown)": (1, 1.0)}
        page = (await ask(one.port, "GET", "/metrics", [one.bearer])).body.decode()
        assert 'penstock_feedback_total{model=""} 1\n' in page
        assert "made-up" not in page

    at(act)


def test_who_says_the_same_again_and_again_does_not_fill_the_log() -> None:
    async def act(one: Running) -> None:
        id = await call(one, one.key)
        now = one.gateway.clock.now()
        one.gateway.clock.now = lambda: now  # type: ignore[method-assign]  # more may be said as time goes by
        told = [(await say(one, one.key, request_id=id, score=1))[0] for _ in range(40)]
        assert told[:31] == [200] * 31
        assert 429 in told[31:]
        other = await call(one, one.key)
        assert (await say(one, one.key, request_id=other, score=1))[0] == 200, "of another call it may speak"

    at(act)


def test_hostile_bodies_are_refused_in_words() -> None:
    async def act(one: Running) -> None:
        for body, status in ((b"\xff\x00", 400), (b'{"score": 1}', 400), (b"x" * 5000, 413)):
            answer = await ask(one.port, "POST", "/v1/feedback", [one.bearer], body)
            assert answer.status == status
            assert answer.json()["error"]["message"]
        assert (await ask(one.port, "GET", "/v1/feedback", [one.bearer])).status == 405

    at(act)


def test_another_worker_reads_what_the_first_one_kept() -> None:
    async def act(one: Running) -> None:
        id = await call(one, one.key)
        await say(one, one.key, request_id=id, score=0.5, label="fine")
        assert one.gateway.watching is not None
        assert one.gateway.store is not None
        await one.gateway.store.flush()
        later = Hearing(one.gateway.watching)
        key = one.gateway.observed.recent.rows(9)[-1]["key"] if one.gateway.observed is not None else ""
        rows: list[dict[str, Any]] = [{"key": key, "id": id, "score": None}, {"key": key, "id": "x", "score": None}]
        await later.annotate(rows)
        assert [row["score"] for row in rows] == [0.5, None]
        assert rows[0]["label"] == "fine"

    at(act)


def test_a_version_on_trial_is_told_who_liked_it() -> None:
    async def act(one: Running) -> None:
        for score in (0.0, 1.0, 0.75):
            await say(one, one.key, request_id=await call(one, one.key), score=score)
        trial = one.gateway.upstreams.dump_trials()["echo"]
        sides = trial["old"], trial["new"]
        assert (sum(side["liked"] for side in sides), sum(side["disliked"] for side in sides)) == (2, 1)

    at(act, ECHO.replace("{upstreams: [echo]}", "{upstreams: [echo], canary: {share: 0.5, upstream_model: newer}}"))


def test_a_call_is_found_at_whichever_worker_served_it(tmp_path: Path) -> None:
    config = ECHO + "auth: {mode: open}\nlisten: {workers: 3}\n"

    def post(url: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        asked = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(answer.headers["x-request-id"]), json.load(answer)

    def get(url: str) -> str:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())

    with gateway_process(tmp_path, config) as one:
        ids = [post(f"{one.v1}/chat/completions", BODY)[0] for _ in range(12)]
        for id in ids:
            told = post(f"{one.v1}/feedback", {"request_id": id, "score": 0.5})[1]
            assert (told["first"], told["kept"]) == (True, True)
        page = get(f"{one.url}/metrics")
        assert 'penstock_feedback_total{model="echo"} 12\n' in page
        limit, scored = time.monotonic() + 40, set[str]()
        while scored != set(ids) and time.monotonic() < limit:  # other workers write their rows a little later
            rows = json.loads(get(f"{one.url}/admin/v1/journal?last=50"))["rows"]
            scored = {row["id"] for row in rows if row["score"] == 0.5}
        assert scored == set(ids)

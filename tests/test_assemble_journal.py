import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from penstock.config import Config
from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}


def at(act: Any, text: str = OPEN_ECHO) -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(30):
            await act(gateway)

    run(main())


async def rows(gateway: Running, query: str = "") -> list[dict[str, Any]]:
    answer = await ask(gateway.port, "GET", f"/admin/v1/journal?{query}", [gateway.bearer] if gateway.key else [])
    assert answer.status == 200
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


async def settled(gateway: Running) -> None:
    """Until the secret with which hashes are made has come."""
    diary = gateway.gateway.diary
    assert diary is not None
    while diary.notes._keyed is None:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)


def test_every_call_leaves_a_row() -> None:
    async def act(gateway: Running) -> None:
        await settled(gateway)
        first = await ask(gateway.port, "POST", CHAT, [("x-penstock-tags", "team:a")], BODY)
        await ask(gateway.port, "POST", CHAT, [], {**BODY, "stream": True})
        await ask(gateway.port, "POST", CHAT, [], {"model": "nobody", "messages": []})
        await ask(gateway.port, "POST", CHAT, [], b"{broken")
        whole, stream, unknown, broken = await rows(gateway)
        assert (whole["id"], whole["status"], whole["outcome"], whole["model"], whole["upstream"]) == (
            first.headers["x-request-id"], 200, "ok", "echo", "echo",
        )  # fmt: skip
        assert (whole["tags"], whole["stream"], stream["stream"], whole["operation"]) == ("team:a", False, True, "chat")
        assert whole["tokens_out"] > 0
        assert 0 < whole["overhead_seconds"] <= whole["total_seconds"]
        assert stream["digest"] != ""
        assert (unknown["status"], unknown["error"], unknown["asked"]) == (404, "model_not_found", "nobody")
        assert (broken["status"], broken["error"], broken["model"]) == (400, "invalid_json", "")

    at(act)


def test_what_was_asked_is_kept_only_when_that_is_wanted() -> None:
    async def act(gateway: Running) -> None:
        await ask(gateway.port, "POST", CHAT, [], BODY)
        gateway.path.write_text(f"{OPEN_ECHO}journal: {{prompts: true}}\n")
        assert (await gateway.team.reload())["ok"]
        await ask(gateway.port, "POST", CHAT, [], BODY | {"user": "ann"})
        await ask(gateway.port, "POST", CHAT, [("x-penstock-classification", "confidential")], BODY)
        before, after, secret = await rows(gateway, "bodies=true")
        assert "body" not in before
        assert after["body"] == BODY
        assert "body" not in secret
        assert all("body" not in row for row in await rows(gateway))

    at(act)


def test_a_stranger_leaves_no_row_and_a_caller_that_is_refused_does() -> None:
    async def act(gateway: Running) -> None:
        await ask(gateway.port, "POST", CHAT, [], BODY)
        await ask(gateway.port, "POST", CHAT, [("Authorization", "Bearer sk-pen-wrong")], BODY)
        assert await rows(gateway) == []
        await ask(gateway.port, "POST", CHAT, [gateway.bearer], BODY)
        (row,) = await rows(gateway)
        assert row["key"] == row["scope"] != ""
        assert gateway.key not in json.dumps(row)
        answer = await ask(gateway.port, "GET", "/admin/v1/journal", [gateway.bearer])
        assert answer.json()["asker"] == row["key"]

    at(act, ECHO)


def test_it_may_be_switched_off_and_on() -> None:
    async def act(gateway: Running) -> None:
        await ask(gateway.port, "POST", CHAT, [], BODY)
        assert len(await rows(gateway)) == 1
        gateway.path.write_text(f"{OPEN_ECHO}journal: {{enabled: false}}\n")
        assert (await gateway.team.reload())["ok"]
        await ask(gateway.port, "POST", CHAT, [], BODY)
        told = (await ask(gateway.port, "GET", "/admin/v1/journal")).json()
        assert (told["enabled"], told["rows"]) == (False, [])
        gateway.path.write_text(f"{OPEN_ECHO}")
        assert (await gateway.team.reload())["ok"]
        await ask(gateway.port, "POST", CHAT, [], BODY)
        assert len(await rows(gateway)) == 2

    at(act)


def test_rows_are_bounded_and_the_oldest_go() -> None:
    async def act(gateway: Running) -> None:
        for number in range(130):
            await ask(gateway.port, "POST", CHAT, [("x-request-id", f"call-{number}")], BODY)
        kept = [row["id"] for row in await rows(gateway, "last=1000")]
        assert len(kept) <= 110
        assert kept[-1] == "call-129"

    at(act, OPEN_ECHO + "journal: {keep: 100}\n")


def test_rows_outlive_the_process(tmp_path: Path) -> None:
    config = f"{OPEN_ECHO}store: 'sqlite:{tmp_path}/s.sqlite'\n"

    async def first(gateway: Running) -> None:
        await settled(gateway)
        await ask(gateway.port, "POST", CHAT, [("x-penstock-session", "s")], BODY)

    async def second(gateway: Running) -> None:
        await settled(gateway)
        await ask(gateway.port, "POST", CHAT, [("x-penstock-session", "s")], BODY)
        before, after = await rows(gateway)
        assert before["digest"] == after["digest"] != ""
        assert before["session"] == after["session"] != ""

    at(first, config)
    at(second, config)


def test_a_kept_stream_that_outlives_its_caller_has_its_row_too() -> None:
    async def act(gateway: Running) -> None:
        slow = BODY | {"stream": True, "messages": [{"role": "user", "content": "one two three four five six seven"}]}
        body = json.dumps(slow).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nx-penstock-resume: true\r\nx-request-id: kept"
            b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        while not (streams := gateway.gateway.resumption) or not streams.streams.numbers()["kept"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.close()
        while len(found := await rows(gateway)) < 2:  # noqa: ASYNC110 - the parent's, then the fork's
            await asyncio.sleep(0.02)
        assert [row["id"].partition(".")[0] for row in found] == ["kept", "kept"]
        assert (found[0]["outcome"], found[1]["outcome"], found[1]["status"]) == ("left", "ok", 200)

    at(act, OPEN_ECHO.replace("{kind: echo}", "{kind: echo, tokens_per_second: 20}"))


def test_the_room_is_left_out_while_switched_off() -> None:
    async def act(gateway: Running) -> None:
        diary = gateway.gateway.diary
        assert diary is not None
        assert diary.stage(gateway.gateway.config) is not None
        assert diary.stage(Config.parse(OPEN_ECHO + "journal: {enabled: false}\n", "c.yaml", os.environ)) is None

    at(act)


@pytest.mark.parametrize("query", ["last=x", "nonsense=1", "after=x", "a=1&" * 30, "model=%ff", "failed=7"])
def test_wrong_questions_are_the_askers_fault(query: str) -> None:
    async def act(gateway: Running) -> None:
        answer = await ask(gateway.port, "GET", f"/admin/v1/journal?{query}")
        assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_query")

    at(act)


def test_rows_that_are_too_old_are_not_told_and_go() -> None:
    async def act(gateway: Running) -> None:
        diary, store = gateway.gateway.diary, gateway.gateway.store
        assert diary is not None
        assert store is not None
        for _ in range(3):
            await ask(gateway.port, "POST", CHAT, [], BODY)
        await diary.age()
        assert len(await rows(gateway)) == 3
        wall, diary._wall = diary._wall, lambda: wall() + 3601.0
        assert await rows(gateway) == []
        await ask(gateway.port, "POST", CHAT, [], BODY)
        diary._wall = wall
        assert len(await rows(gateway)) == 4, "they are still there"
        diary._wall = lambda: wall() + 3601.0
        await diary.age()
        await store.flush()
        diary._wall = wall
        assert await rows(gateway) == []

    at(act, OPEN_ECHO + "journal: {keep_for: 1h}\n")


def test_a_call_of_long_ago_is_found_by_its_id() -> None:
    async def act(gateway: Running) -> None:
        for number in range(3):
            await ask(gateway.port, "POST", CHAT, [("x-request-id", f"call-{number}")], BODY)
        found = await ask(gateway.port, "GET", "/admin/v1/calls/call-0")
        assert (found.status, found.json()["id"], "row" in found.json()) == (200, "call-0", False)
        observed = gateway.gateway.observed
        assert observed is not None
        observed.recent.resize(1)
        found = await ask(gateway.port, "GET", "/admin/v1/calls/call-1")
        assert (found.status, found.json()["id"], found.json()["model"]) == (200, "call-1", "echo")
        assert (await ask(gateway.port, "GET", "/admin/v1/calls/call-7")).status == 404

    at(act)

"""Hostile text on its way through the journal: into rows, the log, a terminal, and back as a prompt to warm."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running_gateway import RunningGateway, environment, running_gateway

CONFIG = """
upstreams: {echo: {kind: echo}}
models: {"*": {upstreams: [echo]}}
journal: {prompts: true}
observe: {access_log: all}
"""
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b1A\u202e\u2066\x00\x08\x7f"
FORGED = '"}\n{"time":"2026-01-01","event":"call","id":"forged","key":"root"}\r\n'
PROMPTS = {
    "terminal": f"hello {TERMINAL} world",
    "forgery": f"hello {FORGED} world",
    "sql": "'; DROP TABLE log_journal; --",
    "markup": "<script>alert(1)</script> {{7*7}} ${HOME} %s %n",
    "slots": "{number} {id} {quote} " * 20,
    "unicode": "\ufffe\uffff\U0010ffff \u200b\u2028\u2029",
    "long": "x" * 10_000,
    "brackets": "[" * 90 + "]" * 90,
}
CALLS = len(PROMPTS)


def post(gateway: RunningGateway, model: str, text: str, fields: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    body = json.dumps({"model": model, "temperature": 0, "messages": [{"role": "user", "content": text}]})
    head = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json", **fields}
    try:
        connection.request("POST", "/v1/chat/completions", body, head)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("journal"), CONFIG) as gateway:
        for name, text in PROMPTS.items():
            fields = {"x-request-id": name, "x-penstock-session": f"s\x9b{name}", "x-penstock-tags": "t"}
            assert post(gateway, f"{name}{TERMINAL}", text, fields) == 200
        yield gateway


def command(gateway: RunningGateway, *arguments: str) -> str:
    said = subprocess.run(
        [sys.executable, "-m", "penstock", *arguments], env=environment(gateway.home), capture_output=True, timeout=100
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.decode()


def rows(gateway: RunningGateway, *more: str) -> list[dict[str, Any]]:
    told = command(gateway, "journal", "--last", "100", "--json", "--port", str(gateway.port), *more)
    found: list[dict[str, Any]] = json.loads(told)
    return found


def test_each_call_is_one_row_and_its_text_comes_back_as_it_was(gateway: RunningGateway) -> None:
    found = {row["id"]: row for row in rows(gateway, "--bodies")}
    assert found.keys() == PROMPTS.keys()
    for name, text in PROMPTS.items():
        assert found[name]["body"]["messages"][0]["content"] == text
        assert found[name]["asked"] == f"{name}{TERMINAL}"


def test_no_forged_line_is_in_the_log(gateway: RunningGateway) -> None:
    lines = [json.loads(line) for line in (gateway.home / "log").read_text().splitlines() if line.startswith("{")]
    ids = [line["id"] for line in lines if line["event"] == "call"]
    assert "forged" not in ids
    assert set(ids) <= PROMPTS.keys()


@pytest.mark.parametrize("more", [[], ["--by", "model"], ["--by", "answered"], ["--by", "tags"], ["--by", "session"]])
def test_nothing_of_it_reaches_the_terminal(gateway: RunningGateway, more: list[str]) -> None:
    said = command(gateway, "journal", "--port", str(gateway.port), *more)
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    assert 2 <= len(said.splitlines()) <= CALLS + 1


def test_nor_through_the_patterns_that_would_be_warmed(gateway: RunningGateway) -> None:
    who = ("--url", gateway.url, "--key", gateway.key)
    said = command(gateway, "warm", "--from-journal", "--dry-run", *who)
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    assert len(said.splitlines()) == CALLS + 3
    told = json.loads(command(gateway, "warm", "--from-journal", "--json", *who))
    assert (told["cached"] + told["warmed"], told["failed"]) == (CALLS, 0)


def test_questions_are_no_way_in(gateway: RunningGateway) -> None:
    before = len(rows(gateway))
    for name in ("model", "key", "session"):
        assert rows(gateway, f"--{name}", "'; DROP TABLE log_journal; --\x1b[2J\n") == []
    assert len(rows(gateway)) == before


def test_what_is_kept_at_rest_is_for_its_owner_alone(gateway: RunningGateway) -> None:
    files = [path for path in (gateway.home / "config").rglob("*") if path.is_file()]
    assert any("sqlite" in path.name for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert gateway.key.encode() not in b"".join(path.read_bytes() for path in files)

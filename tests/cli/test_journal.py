import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.journal.row import Row, told
from tests.support.asked_gateway import AskedGateway
from tests.support.running_gateway import RunningGateway, environment, running_gateway

PORT = ["--port", "9126"]


def row(**facts: Any) -> dict[str, Any]:
    return told(Row(**{"at_ms": 1_795_000_000_000, "id": "req_1", "key": "key-1", "model": "m", "answered": "m",
                       "upstream": "up", "status": 200, "outcome": "ok"} | facts))  # fmt: skip


def page(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ok": True, "enabled": True, "prompts": False, "rows": list(rows), "next": "", "unread": 0} | more


def test_the_last_calls(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["journal"] = page(
        row(total_us=1_234_000, first_byte_us=45_600, tokens_in=11, tokens_out=22, cache="miss", stream=True),
        row(outcome="left", status=200), row(outcome="error", status=502, error="upstream_down", upstream=""),
        unread=3,
    )  # fmt: skip
    assert main(["journal", "--last", "5", "--model", "m", "--failed", *PORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ended", "key", "model", "upstream", "status", "cache", "ms", "first", "ms", "in",
                                "out", "t/s", "error"]  # fmt: skip
    assert lines[1].split() == ["2026-11-18", "11:06:40", "key-1", "m", "up", "200", "miss", "1234", "45.6", "11", "22",
                                "17.7", "-"]  # fmt: skip
    assert lines[2].split()[5] == "left"
    assert lines[3].split()[4:6] == ["-", "502"]
    assert lines[3].endswith("upstream_down")
    assert lines[5].startswith("3 rows could not be read")
    assert gateway.asked == [("journal", {"model": "m", "failed": "true", "last": 5, "bodies": "false"})]


def test_all_of_them_gathered_page_by_page(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["journal"] = page(row(session="a", cache="hit-exact"), row(session="a", cache="miss"), row(key="k"))
    assert main(["journal", "--by", "session", *PORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["a", "2", "0", "50%"]
    assert lines[2].split()[:4] == ["-", "1", "0", "-"]
    assert main(["journal", "--by", "key", "--json", *PORT]) == 0
    assert [group["calls"] for group in json.loads(capsys.readouterr().out)] == [2, 1]
    assert gateway.asked[0] == ("journal", {"after": "", "limit": 1000})


def test_json_is_the_rows(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["journal"] = page(row())
    assert main(["journal", "--json", "--bodies", *PORT]) == 0
    assert json.loads(capsys.readouterr().out) == [row()]
    assert gateway.asked[0][1]["bodies"] == "true"


def test_what_callers_wrote_cannot_reach_the_terminal(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "a\x1b]0;owned\x07\x1b[2J\r\nkey-9  fake  row\u202e\u200b\x9b31m"
    facts = dict.fromkeys(("key", "model", "answered", "upstream", "error", "tags", "session"), evil)
    gateway.given["journal"] = page(row(**facts))
    for by in ([], ["--by", "model"], ["--by", "tags"]):
        assert main(["journal", *by, *PORT]) == 0
        said = capsys.readouterr().out
        assert len(said.splitlines()) == 2
        assert all(sign.isprintable() or sign == "\n" for sign in said)


def test_a_wrong_question_is_told_in_the_gateways_words(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["journal"] = {"ok": False, "status": 400, "code": "bad_query", "problems": ["last must be a number"]}
    assert main(["journal", *PORT]) == 2
    assert capsys.readouterr().err == "last must be a number\n"
    assert main(["journal", "--since", "soon", *PORT]) == 2


def test_a_gateway_without_one(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["journal"] = page(enabled=False)
    assert main(["journal", *PORT]) == 1
    assert "journal.enabled: true" in capsys.readouterr().err
    gateway.end()
    assert main(["journal", *PORT]) == 1
    assert "no gateway of this user runs on port 9126" in capsys.readouterr().err


def command(gateway: RunningGateway, *arguments: str) -> str:
    said = subprocess.run(
        [sys.executable, "-m", "penstock", *arguments], env=environment(gateway.home), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    return said.stdout


def call(gateway: RunningGateway, text: str, id: str) -> None:
    body = json.dumps({"model": "echo", "temperature": 0, "messages": [{"role": "user", "content": text}]}).encode()
    fields = {"Authorization": f"Bearer {gateway.key}", "x-request-id": id, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{gateway.v1}/chat/completions", body, fields)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_a_real_gateway_of_two_workers_keeps_one_journal_over_a_restart(tmp_path: Path) -> None:
    config = "upstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}}\njournal: {prompts: true}\n"
    with running_gateway(tmp_path, config, None, "--workers", "2") as gateway:
        key = gateway.key
        for number in range(20):
            call(gateway, f"where is order {number % 4}?", f"call-{number}")
        port = ["--port", str(gateway.port)]
        until_there(gateway, port, 20)
        assert [
            group["calls"] for group in json.loads(command(gateway, "journal", "--by", "model", "--json", *port))
        ] == [20]
        shown = json.loads(
            command(gateway, "warm", "--url", gateway.url, "--key", key, "--from-journal", "--dry-run", "--json")
        )
        assert [(one["template"], one["count"]) for one in shown] == [("where is order {number}", 20)]
        assert [prompt["count"] for prompt in shown[0]["prompts"]] == [5] * 4
    with running_gateway(tmp_path, config) as gateway:
        port = ["--port", str(gateway.port)]
        call(RunningGateway(gateway.url, key, "", gateway.process, gateway.home), "again", "call-20")
        until_there(gateway, port, 21)


def until_there(gateway: RunningGateway, port: list[str], number: int) -> None:
    """Rows of another worker are there within a turn or two."""
    for _ in range(20):
        rows = json.loads(command(gateway, "journal", "--last", "100", "--json", *port))
        if len(rows) == number:
            break
    assert sorted(row["id"] for row in rows) == sorted(f"call-{one}" for one in range(number))

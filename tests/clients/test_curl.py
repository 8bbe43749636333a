"""curl: what a newcomer types first, and the very line that ``penstock serve`` prints."""

import json
import subprocess
from pathlib import Path

from tests.support.running_gateway import RunningGateway

ASK = [{"role": "user", "content": "one two three"}]
BODY = {"model": "echo", "messages": ASK}


def run(curl: str, *arguments: str) -> str:
    done = subprocess.run([curl, "-sS", "-m", "20", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def chat(curl: str, gateway: RunningGateway, body: dict, *arguments: str) -> str:
    return run(
        curl, f"{gateway.v1}/chat/completions", "-H", f"Authorization: Bearer {gateway.key}",
        "-H", "Content-Type: application/json", "-d", json.dumps(body), *arguments,
    )  # fmt: skip


def test_plain(curl: str, gateway: RunningGateway) -> None:
    assert json.loads(chat(curl, gateway, BODY))["choices"][0]["message"]["content"] == "one two three"


def test_stream(curl: str, gateway: RunningGateway) -> None:
    lines = [line for line in chat(curl, gateway, {**BODY, "stream": True}, "-N").split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    told = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
    assert "".join(told) == "one two three"


def test_an_error_is_readable_and_ends_its_line(curl: str, gateway: RunningGateway) -> None:
    said = run(curl, f"{gateway.v1}/chat/completions", "-d", "{}")
    assert said.endswith("}\n")
    assert "penstock keys new" in json.loads(said)["error"]["message"]


def test_expect_100_continue(curl: str, gateway: RunningGateway, tmp_path: Path) -> None:
    """curl asks before it sends a body of over 1 MiB."""
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"model": "echo", "messages": [{"role": "system", "content": "x" * 1_500_000}, *ASK]}))
    said = run(
        curl, f"{gateway.v1}/chat/completions", "-H", f"Authorization: Bearer {gateway.key}",
        "-H", "Expect: 100-continue", "--data-binary", f"@{path}",
    )  # fmt: skip
    assert json.loads(said)["choices"][0]["message"]["content"] == "one two three"


def test_the_printed_line_works_when_pasted(gateway: RunningGateway) -> None:
    line = gateway.said.partition("try it:\n")[2]
    assert gateway.key in line
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "Hello"

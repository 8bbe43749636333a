import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.support.running_gateway import RunningGateway, environment, running_gateway

CONFIG = "upstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}}\njournal: {prompts: true}\n"


def command(gateway: RunningGateway, *arguments: str, status: int = 0) -> str:
    said = subprocess.run(
        [sys.executable, "-m", "penstock", *arguments], env=environment(gateway.home), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert said.returncode == status, said.stderr
    return said.stdout


def warm(gateway: RunningGateway, *arguments: str, status: int = 0) -> dict[str, object]:
    told: dict[str, object] = json.loads(
        command(gateway, "warm", "--url", gateway.url, "--key", gateway.key, "--json", *arguments, status=status)
    )
    return told


def call(gateway: RunningGateway, text: str) -> str:
    """How the cache took it."""
    body = json.dumps({"temperature": 0, "messages": [{"content": text, "role": "user"}], "model": "echo"}).encode()
    fields = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json", "X-Stainless-Lang": "x"}
    request = urllib.request.Request(f"{gateway.v1}/chat/completions", body, fields)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.headers["x-penstock-cache"])


def test_what_was_warmed_from_a_file_is_answered_from_the_cache(tmp_path: Path) -> None:
    with running_gateway(tmp_path, CONFIG) as gateway:
        file = tmp_path / "prompts.jsonl"
        file.write_text('{"prompt": "one"}\n{"prompt": "two"}\n{"prompt": "hot", "temperature": 1}\n')
        told = warm(gateway, "--file", str(file), "--model", "echo", status=1)
        assert (told["warmed"], told["failed"]) == (2, 1)
        assert [call(gateway, text) for text in ("one", "two", "three")] == ["hit-exact", "hit-exact", "miss"]
        again = warm(gateway, "--file", str(file), "--model", "echo", status=1)
        assert (again["warmed"], again["skipped"], again["failed"]) == (0, 2, 1)


def test_the_commonest_of_the_journal_are_warmed_when_the_cache_is_empty(tmp_path: Path) -> None:
    with running_gateway(tmp_path, CONFIG) as gateway:
        for text in ("where is order 1?", "where is order 2?", "where is order 2?", "rare one"):
            call(gateway, text)
        command(gateway, "cache", "flush", "--all", "--port", str(gateway.port))
        told = warm(gateway, "--from-journal", "--top", "1")
        assert (told["warmed"], told["cached"], told["failed"]) == (1, 0, 0)
        assert call(gateway, "where is order 2?") == "hit-exact"
        assert call(gateway, "where is order 1?") == "miss"
        assert warm(gateway, "--from-journal", "--top", "1")["cached"] == 1

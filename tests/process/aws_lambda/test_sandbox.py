"""The Lambda entry point in a process of its own, invoked through the runtime API."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.process.aws_lambda.sandbox import prepare
from tests.support.running_gateway import environment
from tests.support.runtime_api import RuntimeApi, balancer_event, url_event

CONFIG = """\
store: memory
upstreams: {echo: {kind: echo}}
models: {echo: {upstreams: [echo]}}
"""


@contextlib.contextmanager
def sandbox(home: Path, api: RuntimeApi, config: str = CONFIG, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """``penstock lambda``, as the image starts it."""
    path = home / "penstock.yaml"
    path.write_text(config)
    variables = environment(home, {"AWS_LAMBDA_RUNTIME_API": api.address, "XDG_RUNTIME_DIR": str(home), **extra})
    command = [sys.executable, "-m", "penstock", "lambda", "--config", str(path)]
    process = subprocess.Popen(command, env=variables, cwd=home, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": "drip, drop"}], **more}


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """A key, and the text of the key file that knows it."""
    command = [sys.executable, "-m", "penstock", "keys", "new", "lambda"]
    done = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True)
    key = next(word for word in done.stdout.split() if word.startswith("sk-pen-"))
    file = tmp_path / "config" / "penstock" / "keys.json"
    text = file.read_text()
    file.unlink()
    return key, text


def test_calls_are_answered_and_streams_streamed(tmp_path: Path, keys: tuple[str, str]) -> None:
    key, file = keys
    with RuntimeApi() as api:
        began = time.monotonic()
        api.invoke(url_event("POST", "/v1/chat/completions", chat(), authorization=f"Bearer {key}"))
        with sandbox(tmp_path, api, PENSTOCK_KEYS=file) as process:
            head, body = api.told().streamed()
            print(f"cold start: {time.monotonic() - began:.3f} s from exec to the first answer")
            assert head["statusCode"] == 200
            assert "drip, drop" in json.loads(body)["choices"][0]["message"]["content"]

            api.invoke(url_event("POST", "/v1/chat/completions", chat(stream=True), authorization=f"Bearer {key}"))
            told = api.told()
            head, body = told.streamed()
            assert head["headers"]["content-type"].startswith("text/event-stream")
            assert body.rstrip().endswith(b"data: [DONE]")
            assert len(told.pieces) > 2

            api.invoke(balancer_event("POST", "/v1/chat/completions", chat(), authorization=f"Bearer {key}"))
            whole = api.told().json
            assert (whole["statusCode"], whole["statusDescription"]) == (200, "200 OK")
            assert "drip, drop" in json.loads(whole["body"])["choices"][0]["message"]["content"]

            api.invoke(balancer_event("GET", "/health", None, **{"user-agent": "ELB-HealthChecker/2.0"}))
            assert api.told().json["statusCode"] == 200

            api.invoke(url_event("POST", "/v1/chat/completions", chat()))
            assert api.told().streamed()[0]["statusCode"] == 401

            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("config", "extra", "why"),
    [
        (CONFIG.replace("memory", "sqlite"), {}, "use redis://"),
        (CONFIG + "auth: {mode: open}\n", {}, "a function is reached from everywhere"),
        (CONFIG + "nonsense: 1\n", {}, "nonsense"),
        (CONFIG, {}, "there is no key file"),
        (CONFIG, {"PENSTOCK_SECRET": "not-an-arn"}, "is not the ARN of a secret"),
    ],
)
def test_why_a_sandbox_cannot_serve_is_told_to_lambda(
    tmp_path: Path, config: str, extra: dict[str, str], why: str
) -> None:
    with RuntimeApi() as api, sandbox(tmp_path, api, config, **extra) as process:
        told = api.told()
        assert told.path == "/2018-06-01/runtime/init/error"
        assert told.json["errorType"] == "Penstock.CannotStart"
        assert why in told.json["errorMessage"]
        assert process.wait(20) == 1


def test_the_key_file_is_written_for_its_owner_alone_and_leaves_the_environment(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run"), "PENSTOCK_KEYS": "{}"}
    prepare(environ)
    file = tmp_path / "penstock" / "keys.json"
    assert file.read_text() == "{}"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "PENSTOCK_KEYS" not in environ

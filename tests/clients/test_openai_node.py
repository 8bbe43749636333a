"""openai-node, unmodified, against a running gateway: the scripts beside this file."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.running_gateway import RunningGateway
from tests.support.scripted_upstream import EVENTS, Answer, Gone, ScriptedUpstream

HERE = Path(__file__).parent
pytestmark = pytest.mark.node


def run(node: str, script: str, *arguments: str) -> dict:
    done = subprocess.run(
        [node, HERE / script, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_chat_whole_and_streamed(node: str, gateway: RunningGateway) -> None:
    assert run(node, "chat.mjs", gateway.v1, gateway.key, "echo") == {
        "whole": "one two three",
        "streamed": "one two three",
        "finish": "stop",
        "tokens": 3,
    }


def test_errors(node: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    def cut(connection: object, request: object) -> None:
        event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head() + b"%x\r\n%b\r\n" % (len(event), event))
        connection.shutdown(2)

    upstream.answers["/v1/chat/completions"] = cut
    found = run(node, "errors.mjs", gateway.v1, gateway.key)
    assert {name: (error["name"], error["status"], error["code"]) for name, error in found.items() if error} == {
        "unknown": ("NotFoundError", 404, "model_not_found"),
        "key": ("AuthenticationError", 401, "invalid_api_key"),
        "bad": ("BadRequestError", 400, "invalid_value"),
        "broken": ("APIError", None, "upstream_failed"),
    }
    assert "echo" in found["unknown"]["message"]
    assert found["unknown"]["id"].startswith("req_")


def test_abort_reaches_the_upstream(node: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    gone = upstream.answers["/v1/chat/completions"] = Gone()
    process = subprocess.Popen(
        [node, HERE / "abort.mjs", gateway.v1, gateway.key, "scripted"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        left = time.perf_counter()
        assert json.loads(said)["chunks"] >= 1
        assert gone.seen.wait(2)
        assert gone.at - left < 0.5
        assert process.poll() is None
    finally:
        process.communicate("")

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.caller import Answer, Caller, Unreachable
from penstock.cli.failure import Failure
from penstock.cli.main import main
from penstock.cli.parts import add_anywhere, ask_part, ask_status
from tests.support.asked_gateway import asked_gateway


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_anywhere(parser)
    return parser.parse_args(list(arguments))


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("PENSTOCK_CONFIG", "PENSTOCK_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_over_the_control_socket() -> None:
    with asked_gateway(9141) as gateway:
        gateway.given = {"leader": {"bottlenecks": []}, "status": {"workers": []}}
        assert ask_part(options("--port", "9141"), "bottlenecks", {"since": "1h"}) == {"bottlenecks": []}
        assert ask_status(options("--port", "9141")) == {"workers": []}
        assert gateway.asked[0] == ("leader", {"part": "bottlenecks", "question": {"since": "1h"}})
        gateway.given["leader"] = {"problems": ["since: no"], "code": "bad_query"}
        with pytest.raises(Failure, match="since: no") as caught:
            ask_part(options("--port", "9141"), "report", {})
        assert caught.value.status == 2
        gateway.given["leader"] = {"problems": ["report is not installed here"], "status": 404}
        with pytest.raises(Failure, match="not installed") as caught:
            ask_part(options("--port", "9141"), "report", {})
        assert caught.value.status == 1


class Gateway(BaseHTTPRequestHandler):
    """Tells what it was asked."""

    def do_GET(self) -> None:
        status = 400 if "bad" in self.path else 409 if "taken" in self.path else 200
        told: Any = {"path": self.path, "key": self.headers.get("Authorization")}
        if status >= 400:
            told = {"error": {"message": "since: \x1b[2Jno", "code": "bad_query"}}
        if "list" in self.path:
            told = []
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body = json.dumps({"path": self.path, "body": asked}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_at_an_address_with_a_key(url: str) -> None:
    told = ask_part(options("--url", url, "--key", "sk-x"), "report", {"since": "7d", "view": "now"})
    assert told == {"path": "/admin/v1/report?since=7d&view=now", "key": "Bearer sk-x"}
    assert ask_status(options("--url", url))["path"] == "/admin/v1/status"


def test_what_is_done_there_is_posted(url: str) -> None:
    question = {"do": "e2/revert", "body": "{}", "trusted": True}
    told = ask_part(options("--url", url), "experiments", question)
    assert told == {"path": "/admin/v1/experiments/e2/revert", "body": "{}"}


def test_where_key_says_whose_calls_are_meant_another_option_names_the_key_that_asks(url: str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--key")
    add_anywhere(parser)
    asked = parser.parse_args(["--url", url, "--key", "key-1", "--admin-key", "sk-x"])
    assert ask_part(asked, "cost", {"key": asked.key}) == {"path": "/admin/v1/cost?key=key-1", "key": "Bearer sk-x"}


@pytest.mark.parametrize(
    ("command", "asked_of"),
    [
        (["history"], "GET history"), (["cost"], "GET cost"), (["report", "--cost"], "GET cost"),
        (["optimizer"], "GET experiments"), (["insight", "anomalies"], "GET anomalies"), (["journal"], "GET journal"),
        (["reload"], "POST reload"), (["upstreams"], "GET upstreams"),
        (["upstreams", "list", "--victim", "m/1"], "GET upstreams?victim=m/1"),
        (["upstreams", "drain", "p@h:1", "--wait", "1m"], "POST upstreams/p%40h%3A1/drain?wait=60s"),
        (["upstreams", "weigh", "a/b", "3"], 'PUT upstreams/a%2Fb {"weight": 3}'),
        (["upstreams", "remove", "a"], "DELETE upstreams/a?wait=0s"),
        (["cache", "list", "--limit", "3"], "GET cache?limit=3&sort=created"),
        (["cache", "show", "ab"], "GET cache/ab"),
        (["cache", "delete", "ab", "--dry-run"], "DELETE cache/ab?dry_run=true"),
        (["cache", "flush", "--tag", "a b"], "DELETE cache?tag=a+b"),
    ],
)  # fmt: skip
def test_commands_that_tell_what_was_ask_at_an_address(
    command: list[str], asked_of: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def ask(self: Caller, method: str, path: str, body: bytes | None = None) -> Answer:
        asked.append(" ".join([method, f"{self.root}{path}", *([body.decode()] if body else [])]))
        raise Unreachable("as far as that")

    monkeypatch.setattr(Caller, "ask", ask)
    assert main([*command, "--url", "http://there"]) == 1
    told = asked[0].replace("http://there/admin/v1/", "")
    assert (told if "?" in asked_of else told.partition("?")[0]) == asked_of
    assert "as far as that" in capsys.readouterr().err


def test_what_is_refused_there(url: str) -> None:
    with pytest.raises(Failure, match="refuses: 400: since:  \\[2Jno") as caught:
        ask_part(options("--url", url), "bad", {})
    assert caught.value.status == 2
    with pytest.raises(Failure, match="refuses: 409") as caught:
        ask_part(options("--url", url), "taken", {})
    assert caught.value.status == 2
    with pytest.raises(Failure, match="does not answer as a gateway"):
        ask_part(options("--url", url), "list", {})
    with pytest.raises(Failure, match="cannot be reached"):
        ask_part(options("--url", "http://127.0.0.1:1"), "report", {})

import json
import socket
from pathlib import Path

import pytest

from penstock.cli.batch_api import BatchApi
from penstock.cli.caller import Caller
from penstock.cli.failure import Failure
from tests.support.scripted_upstream import Answer, ScriptedUpstream


def test_a_file_is_sent_as_it_is_and_an_answer_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x" * 700_000)
    with ScriptedUpstream() as gateway:
        api = BatchApi(Caller(gateway.url.removesuffix("/v1"), "k"))
        gateway.answers["/v1/files"] = Answer(body=b'{"id":"file-pen-1"}')
        assert api.upload(str(tmp_path / "in"), 'a"b\r\n.jsonl') == "file-pen-1"
        sent = gateway.requests[0]
        assert sent.body.count(b"x" * 700_000) == 1
        assert b'filename="ab.jsonl"' in sent.body
        assert int(sent.header("content-length") or 0) == len(sent.body)
        assert sent.header("authorization") == "Bearer k"
        gateway.answers["/v1/files/f/content"] = Answer(body=b"answers")
        api.download("f", str(tmp_path / "out"))
        assert (tmp_path / "out").read_bytes() == b"answers"
        gateway.answers["/v1/files/f/content"] = lambda connection, request: (
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            or connection.shutdown(socket.SHUT_RDWR)
        )
        with pytest.raises(Failure, match="cannot be written"):
            api.download("f", str(tmp_path / "cut"))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_what_the_gateway_refuses_is_told(tmp_path: Path) -> None:
    with ScriptedUpstream() as gateway:
        api = BatchApi(Caller(gateway.url.removesuffix("/v1"), ""))
        error = {"error": {"message": "no such thing", "code": "x"}}
        gateway.answers["/v1/batches/b"] = Answer(404, body=json.dumps(error).encode())
        with pytest.raises(Failure, match="no such thing"):
            api.job("b")
        gateway.answers["/v1/batches"] = Answer(401, body=b"{}")
        with pytest.raises(Failure, match="wants a key"):
            api.create("f", "/v1/chat/completions", "24h")
        port = gateway.port
    with pytest.raises(Failure, match="cannot be reached"):
        BatchApi(Caller(f"http://127.0.0.1:{port}", "")).cancel("b")

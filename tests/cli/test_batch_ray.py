import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli import batch_ray
from penstock.cli.batch_ray import Ask, _done, _rows
from penstock.cli.failure import Failure
from penstock.cli.main import main
from tests.support.batch_gateway import batch_gateway
from tests.support.jobs import CHAT, jsonl, line
from tests.support.scripted_upstream import Answer, ScriptedUpstream


def test_a_task_asks_for_one_line() -> None:
    with ScriptedUpstream() as gateway:
        gateway.answers[CHAT] = Answer(body=b'{"a":1}')
        ask = Ask(gateway.url.removesuffix("/v1"), "k", CHAT)
        told = ask({"line": json.dumps(line(4)), "name": "in", "number": 4})
        row = json.loads(told["line"])
        assert (told["ok"], row["custom_id"], row["response"]["body"]) == (True, "id-4", {"a": 1})
        (request,) = gateway.requests
        assert json.loads(request.body) == line(4)["body"]
        assert (request.header("x-penstock-priority"), request.header("idempotency-key")) == ("batch", "ray-in-4")
        gateway.answers[CHAT] = Answer(404, body=b'{"error":{}}')
        assert not ask({"line": json.dumps(line(4)), "name": "in", "number": 4})["ok"]


def test_full_ones_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr(batch_ray.Caller, "ask", lambda *_: batch_ray.Answer(429, {"retry-after": "3"}, b"{}"))
    told = Ask("http://127.0.0.1:1", "", CHAT)({"line": json.dumps(line(1)), "name": "in", "number": 1})
    assert (told["ok"], waits) == (False, [3.0] * (batch_ray.TRIES - 1))


def test_what_is_done_is_not_asked_again(tmp_path: Path) -> None:
    output, path = tmp_path / "out", tmp_path / "in"
    output.write_bytes(b'{"custom_id":"id-1"}\n{"custom_id":"id-2"}\n{"custom_id":"id-3"')
    assert _done(str(output)) == {"id-1", "id-2"}
    assert output.read_bytes().count(b"\n") == 2
    path.write_bytes(jsonl(line(1), b"", line(3)))
    assert [row["number"] for row in _rows(str(path), "in", {"id-1"})] == [3]
    for wrong in (jsonl(line(1), line(1)), b"broken\n", b"{}\n"):
        path.write_bytes(wrong)
        with pytest.raises(Failure):
            _rows(str(path), "in", set())


def test_without_ray_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (tmp_path / "in").write_bytes(jsonl(line(1)))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["batch", "run", str(tmp_path / "in"), "--on", "ray", "--url", "http://127.0.0.1:1"]) == 2
    assert "pip install 'penstock[ray]'" in capsys.readouterr().err


@pytest.mark.ray
@pytest.mark.slow
def test_a_file_on_a_real_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.jsonl").write_bytes(jsonl(*(line(n) for n in range(40))))
    arguments = ["batch", "run", str(tmp_path / "in.jsonl"), "--on", "ray", "--concurrency", "4", "--json"]
    with batch_gateway(tmp_path) as gateway:
        assert main([*arguments, "--url", gateway.url]) == 0
    assert '"completed": 40' in capsys.readouterr().out
    names = [json.loads(row)["custom_id"] for row in (tmp_path / "in.output.jsonl").read_text().splitlines()]
    assert sorted(names) == sorted(f"id-{n}" for n in range(40))

import io
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.cli.upstreams import change, lines
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]


def row(name: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "kind": "vllm", "region": None, "weight": 2, "models": ["m"], "draining": False, "drained": False,
        "still_serves": [], "in_flight": 3, "served": 40, "connections": 3, "sessions": 5, "blocks": 7, "learned": None,
    } | more  # fmt: skip


def test_the_table(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    speed = {"first_token_seconds": 0.05, "prefill_tokens_per_second": 8000.0, "seconds_per_token": 0.02, "points": 9.0}
    rows = [
        row(learned=speed),
        row("bb", draining=True, models=[]),
        row("c", draining=True, drained=True, in_flight=0),
        row("old", kind=None, draining=True),
    ]
    live = [{"upstream": "bb", "drain": True, "weight": 2}, {"upstream": "d", "removed": True}]
    gateway.given["upstreams"] = {"upstreams": rows, "live": live}
    assert main(["upstreams", "list", *PORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "name",
        "kind",
        "weight",
        "state",
        "in",
        "flight",
        "served",
        "sessions",
        "learned",
        "models",
    ]
    assert lines[1].split(maxsplit=7)[:7] == ["a", "vllm", "2", "serving", "3", "40", "5"]
    assert "8000 t/s in, 50 t/s out  m" in lines[1]
    assert [line.split()[3] for line in lines[2:5]] == ["draining", "drained", "leaving"]
    assert lines[5:] == ["", "changed live, and not in the config file:", "  bb weight 2, draining", "  d removed"]
    assert gateway.asked[0] == ("upstreams", "")


def test_one_that_is_out_of_use_is_not_said_to_serve(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    health = {name: {"state": state, "back_in": 0.0} for name, state in (("a", "open"), ("b", "closed"), ("c", "sick"))}
    worker: dict[str, Any] = {
        "uptime": 1.0, "in_flight": 0, "connections": 0, "memory": {}, "admission": None, "upstreams": {},
        "health": {"upstreams": health},
    }  # fmt: skip
    gateway.given["upstreams"] = {"upstreams": [row("a"), row("b"), row("c", draining=True)], "live": []}
    gateway.given["status"] = {"version": "0", "workers": [worker]}
    assert main(["upstreams", *PORT]) == 0
    states = [line.split()[3] for line in capsys.readouterr().out.splitlines()[1:]]
    assert states == ["open", "serving", "draining"]


def test_alone_it_lists_and_json_is_what_the_gateway_says(
    gateway: AskedGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text("listen: {port: 9126}\n")
    monkeypatch.setenv("PENSTOCK_CONFIG", str(tmp_path / "c.yaml"))
    gateway.given["upstreams"] = {"upstreams": [row()], "live": []}
    assert main(["upstreams"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("a ")
    assert main(["upstreams", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == gateway.given["upstreams"]


def test_the_victim(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["upstreams"] = {"upstreams": [row()], "live": [], "victim": {"upstream": "a", "loss": 0.1}}
    assert main(["upstreams", "list", "--victim", "m", *PORT]) == 0
    assert capsys.readouterr().out.endswith("\nm would miss a least\n")
    gateway.given["upstreams"]["victim"] = None
    assert main(["upstreams", "list", "--victim", "m", *PORT]) == 0
    assert capsys.readouterr().out.endswith("\nnone can be spared\n")
    assert gateway.asked[-1] == ("upstreams", "m")
    gateway.given["upstreams"] = {"ok": False, "status": 404, "problems": ['unknown model "n"']}
    assert main(["upstreams", "list", "--victim", "n", *PORT]) == 2
    assert capsys.readouterr().err == 'unknown model "n"\n'


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["drain", "a", "--wait", "30s"], {"do": "drain", "wait": 30.0}),
        (["drain", "a"], {"do": "drain", "wait": 0.0}),
        (["undrain", "a"], {"do": "undrain", "wait": 0.0}),
        (["weigh", "a", "3"], {"do": "put", "wait": 0.0, "body": '{"weight": 3}'}),
        (["remove", "a", "--wait", "1m"], {"do": "remove", "wait": 60.0}),
        (["reset", "a"], {"do": "reset", "wait": 0.0}),
    ],
)
def test_what_is_asked(
    gateway: AskedGateway, arguments: list[str], question: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["change"] = {"ok": True, "problems": [], "upstream": row(weight=3, draining=True)}
    assert main(["upstreams", *arguments, *PORT]) == 0
    assert gateway.asked == [("change", {"name": "a", "trusted": True, **question})]
    said = capsys.readouterr().out
    if arguments[0] == "remove":
        assert said == "a is taken out; 3 calls still run there\n"
    else:
        assert said == "a: weight 3, draining, 3 calls in flight\n"


def test_what_is_added_is_read_from_a_file_or_standard_input(
    gateway: AskedGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["change"] = {"ok": True, "problems": [], "upstream": row("c")}
    (tmp_path / "c.json").write_text('{"kind": "echo"}')
    assert main(["upstreams", "add", "c", str(tmp_path / "c.json"), *PORT]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO('{"kind": "vllm"}'))
    assert main(["upstreams", "add", "c", "-", *PORT, "--json"]) == 0
    assert [asked["body"] for _, asked in gateway.asked] == ['{"kind": "echo"}', '{"kind": "vllm"}']
    assert capsys.readouterr().out.startswith("c: weight 2, serving")
    assert main(["upstreams", "add", "c", str(tmp_path / "none"), *PORT]) == 2
    assert "none: cannot be read" in capsys.readouterr().err


def test_what_the_gateway_refuses_is_told_in_its_words(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["change"] = {"ok": False, "status": 422, "problems": ["upstreams.c.kind: no", "and no"]}
    assert main(["upstreams", "drain", "c", *PORT]) == 2
    assert capsys.readouterr().err == "upstreams.c.kind: no\nand no\n"
    assert main(["upstreams", "drain", "c", *PORT, "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == gateway.given["change"]


def test_what_is_worth_a_word(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["change"] = {"ok": True, "problems": [], "upstream": row(draining=True, still_serves=["m", "n"])}
    assert main(["upstreams", "drain", "a", *PORT]) == 0
    assert capsys.readouterr().out.endswith("it still gets calls of m, n: nobody else has them\n")
    gateway.given["change"]["upstream"] = None
    assert main(["upstreams", "remove", "a", *PORT]) == 0
    assert capsys.readouterr().out == "a is gone\n"


@pytest.mark.parametrize("wait", ["30", "soon", "-1s"])
def test_a_time_that_is_none(gateway: AskedGateway, wait: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upstreams", "drain", "a", f"--wait={wait}", *PORT]) == 2
    assert "--wait: a duration is a number with a unit" in capsys.readouterr().err
    assert gateway.asked == []


def test_nobody_there(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upstreams", "list", "--port", "9125"]) == 1
    assert capsys.readouterr().err == "no gateway of this user runs on port 9125; there is one on 9126 (--port)\n"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"upstream": "a", "added": True, "models": []}, "a added to no model"),
        ({"upstream": "a", "added": True, "models": ["m"], "drain": True}, "a added to m, draining"),
        ({"upstream": "a", "drain": False}, "a not draining"),
    ],
)
def test_a_change_in_words(told: dict[str, Any], said: str) -> None:
    assert change(told) == said


def test_where_none_was_found_it_says_where_to_look() -> None:
    (line,) = lines({"upstreams": [], "live": []}, {})
    assert "'penstock scaling'" in line

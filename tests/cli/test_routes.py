import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.cli.main import main
from penstock.cli.routes import lines
from penstock.routing.record import Decision, Recorded
from penstock.routing.strategies import make_strategy
from tests.support.asked_gateway import AskedGateway
from tests.support.decisions import Fleet

PORT = ["--port", "9126"]
TOLD: dict[str, Any] = {
    "worker": 0, "asked": "m", "entry": "m*", "strategy": "adaptive", "sent_as": "mm", "largest_wins": False,
    "session_at": "b", "fallbacks": [], "winner": "a",
    "candidates": [{"upstream": "a", "score": 0.5, "terms": {"base": 0.25, "queued": 0.25}}],
    "excluded": [{"upstream": "c", "reason": "draining"}],
}  # fmt: skip


def recorded(count: int = 6) -> list[Decision]:
    kept: list[Decision] = []
    fleet = Fleet(1, 4)
    strategy = Recorded(
        "m", "adaptive", make_strategy("adaptive", fleet.shared), fleet.shared, kept.append, lambda: 1.0
    )
    fleet.serve(count, strategy)
    return kept


def test_where_a_call_would_go(gateway: AskedGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["decisions"] = {"ok": True, "workers": [{**TOLD, "worker": 1}, TOLD]}
    path = tmp_path / "call.json"
    path.write_text('{"model": "m"}')
    whose = ["--key", "key-1", "--session", "s", "--client", "10.0.0.9", "--operation", "messages"]
    assert main(["explain", "--route", str(path), *whose, *PORT]) == 0
    assert gateway.asked == [
        (
            "decisions",
            {"body": '{"model": "m"}', "operation": "messages", "session": "s", "key": "key-1", "client": "10.0.0.9"},
        )
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "worker 0: m* by adaptive (least wins), asked of the upstream as mm"
    assert lines[1].split() == [">", "a", "0.5", "base", "0.25,", "queued", "0.25"]
    assert lines[2].split() == ["c", "left", "out", "draining"]
    assert lines[3].strip() == "its session is at b"
    assert lines[4].startswith("worker 1: ")


def test_from_standard_input_as_json(
    gateway: AskedGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["decisions"] = {"ok": True, "workers": [{**TOLD, "winner": None, "candidates": []}]}
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    assert main(["explain", "--route", "-", *PORT, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == gateway.given["decisions"]
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    assert main(["explain", "--route", "-", *PORT]) == 0
    assert capsys.readouterr().out.endswith("nobody can be chosen\n")


def test_where_nobody_can_be_chosen_what_then() -> None:
    told = {**TOLD, "winner": None, "candidates": []}
    more: dict[str, object]
    for more, then in (
        ({"fallbacks": ["mini", "tiny"]}, "nobody can be chosen: its fallbacks are asked, mini, tiny"),
        ({"waits_for": "gpu"}, "nobody can be chosen: the call wakes its pool gpu, and waits"),
        (
            {"fallbacks": ["mini"], "waits_for": "gpu"},
            "nobody can be chosen: its fallbacks are asked, mini; the call wakes its pool gpu",
        ),
    ):
        assert lines(told | more, "worker 0")[-1].strip() == then


def test_a_call_that_would_be_refused(
    gateway: AskedGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.given["decisions"] = {"ok": False, "status": 404, "problems": ["The model 'x' does not exist here."]}
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    assert main(["explain", "--route", "-", *PORT]) == 2
    assert capsys.readouterr().err == "The model 'x' does not exist here.\n"


def test_when_none_runs_it_says_so(gateway: AskedGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "call").write_text("{}")
    assert main(["explain", "--route", str(tmp_path / "call"), "--port", "9127"]) == 1
    assert "no gateway of this user runs on port 9127; there is one on 9126" in capsys.readouterr().err
    assert main(["explain", "--route", str(tmp_path / "none"), *PORT]) == 2
    assert "none: cannot be read" in capsys.readouterr().err


def test_decisions_made_again_from_lines_and_from_the_admin_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = recorded()
    lines, told = tmp_path / "lines", tmp_path / "told"
    lines.write_bytes(b"\n".join(map(msgspec.json.encode, kept)) + b"\n\n")
    told.write_bytes(
        msgspec.json.encode({"ok": True, "decisions": [{"worker": 3, **msgspec.to_builtins(one)} for one in kept]})
    )
    for path in (lines, told):
        assert main(["explain", "--replay", str(path)]) == 0
        out = capsys.readouterr().out
        assert out.endswith("6 decisions, 0 of them come out otherwise\n")
        assert out.count("decision ") == 6
    assert main(["explain", "--replay", str(lines), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows["ok"] is True
    assert [row["chosen"] for row in rows["decisions"]] == [one.chosen for one in kept]


def test_one_that_comes_out_otherwise_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = recorded(3)
    kept[1].chosen = "somebody else"
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, kept)))
    assert main(["explain", "--replay", str(path)]) == 1
    assert capsys.readouterr().out.endswith("3 decisions, 1 of them come out otherwise: [2]\n")


@pytest.mark.parametrize("damage", [b"{}", b"nope", b'{"decisions": 3}', b"[1]", b"\xff"])
def test_a_file_that_is_none_is_told_with_its_line(
    tmp_path: Path, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lines"
    path.write_bytes(msgspec.json.encode(recorded(1)[0]) + b"\n" + damage + b"\n")
    assert main(["explain", "--replay", str(path)]) == 2
    said = capsys.readouterr().err
    assert "decision 2: not a recorded decision" in said or "cannot be read" in said
    kept = recorded(1)[0]
    kept.strategy = "best"
    path.write_bytes(msgspec.json.encode(kept))
    assert main(["explain", "--replay", str(path)]) == 2
    assert 'decision 1: its strategy "best" is not known' in capsys.readouterr().err

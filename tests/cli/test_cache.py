import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway, asked_gateway

PORT = ["--port", "9125"]
CACHE = {
    "ready": True, "entries": 2, "bytes": 300, "memory_answers": 1, "memory_bytes": 100, "evicted": {"expired": 4},
    "operations": [["exact", "hit", 3], ["exact", "miss", 1]], "stores": {"kept": 2}, "lookups": {},
    "saved": {"tokens_in": 10, "tokens_out": 5, "micro_dollars": 1_500_000, "seconds": 2.5},
}  # fmt: skip


def row(id: str = "ab12", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "model": "m", "operation": "chat", "age": 5.0, "left": 3595.0, "accesses": 7, "size": 120,
        "tokens_in": 3, "tokens_out": 2, "tags": ["t", "u"], "session": "",
    } | more  # fmt: skip


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedGateway]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    with asked_gateway(9125) as gateway:
        yield gateway


def test_stats(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["cache"] = {"ok": True, "cache": CACHE, "found": 2, "entries": []}
    assert main(["cache", "stats", *PORT]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "entries    2 (300 bytes), 1 of them in memory",
        "saved      15 tokens, 1.50 dollars, 2.5 s",
        "exact      3 hit, 1 miss",
        "gone       4 expired",
    ]
    gateway.given["cache"] = {"ok": True, "cache": CACHE | {"ready": False}, "found": 2, "entries": []}
    main(["cache", "stats", *PORT])
    assert "not ready" in capsys.readouterr().out


def test_list_asks_for_what_fits(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = row("cd34", model="\x1b[2Jm", tags=[])
    gateway.given["cache"] = {"ok": True, "cache": CACHE, "found": 9, "entries": [row(), hostile]}
    assert main(["cache", "list", "--model", "m", "--tag", "t", "--limit", "2", "--sort", "size", *PORT]) == 0
    assert gateway.asked == [
        ("cache", {"do": "list", "id": "", "asked": {"model": "m", "tag": "t", "limit": "2", "sort": "size"}})
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["ab12", "m", "chat", "5s", "3595s", "7", "120", "3+2", "t,u"]
    assert "\x1b" not in lines[2]
    assert lines[-1] == "2 of 9"


def test_show_prints_the_answer_as_text(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["cache"] = {"ok": True, "entry": row(), "answer": "one\n\x1b]0;title\x07two", "cut": True}
    assert main(["cache", "show", "ab12", *PORT]) == 0
    out = capsys.readouterr().out
    assert gateway.asked[0][1]["id"] == "ab12"
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "one\n" in out
    assert out.endswith("… cut\n")


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["delete", "ab12"], {"do": "delete", "id": "ab12", "asked": {}}),
        (["delete", "ab12", "--dry-run"], {"do": "delete", "id": "ab12", "asked": {"dry_run": "true"}}),
        (["flush", "--tag", "t"], {"do": "flush", "id": "", "asked": {"tag": "t"}}),
        (["flush", "--all", "--dry-run"], {"do": "flush", "id": "", "asked": {"all": "true", "dry_run": "true"}}),
    ],
)
def test_what_is_to_go(
    arguments: list[str], asked: dict[str, Any], gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    dry = "--dry-run" in arguments
    gateway.given["cache"] = {"ok": True, "dry_run": dry, "deleted": 1, "bytes": 120, "ids": ["ab12"]}
    assert main(["cache", *arguments, *PORT]) == 0
    assert gateway.asked == [("cache", asked)]
    assert capsys.readouterr().out.splitlines() == [
        f"1 entries, 120 bytes: {'would go' if dry else 'gone'}", "ab12",
    ]  # fmt: skip


def test_it_is_said_where_the_store_does_not_know(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"ok": True, "dry_run": False, "deleted": 1, "bytes": 120, "ids": ["ab12"]}
    for stored, lines in ((True, 2), (False, 3)):
        gateway.given["cache"] = {**told, "stored": stored}
        assert main(["cache", "delete", "ab12", *PORT]) == 0
        assert len(capsys.readouterr().out.splitlines()) == lines


def test_a_refusal_in_the_gateways_words(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["cache"] = {"ok": False, "status": 400, "code": "bad_query", "problems": ["say which"]}
    assert main(["cache", "flush", *PORT]) == 2
    assert "say which" in capsys.readouterr().err
    assert main(["cache", "flush", "--json", *PORT]) == 2
    assert json.loads(capsys.readouterr().out)["problems"] == ["say which"]


def test_no_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main(["cache", "stats", "--port", "9126"]) == 1
    assert "no gateway" in capsys.readouterr().err

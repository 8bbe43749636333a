import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]
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


def test_stats(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["cache"] = {"ok": True, "cache": CACHE, "found": 2, "entries": []}
    gateway.given["status"] = {"workers": []}
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


def test_stats_tell_the_bound_of_each_worker(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    def told(worker: int, *, ready: bool, words: str) -> dict[str, Any]:
        parts = [{"partition": "ab" * 16, "stopped": "too many", "in_words": "Hits have ended"}, {"stopped": ""}]
        return {
            "enabled": True, "worker": worker, "questions": 7, "partitions": 2, "bytes": 900, "ready": ready,
            "embedder": {"name": "minilm", "state": "well"},
            "bounds": [{"model": "faq\x1b[2J", "in_words": words, "partitions": parts}],
        }  # fmt: skip

    cache = {
        "ready": True, "entries": 1, "bytes": 2, "memory_answers": 1, "operations": [], "evicted": {},
        "saved": {"tokens_in": 0, "tokens_out": 0, "micro_dollars": 0, "seconds": 0.0},
    }  # fmt: skip
    semantic = [told(0, ready=True, words="Hits are given."), told(1, ready=False, words="No."), {"enabled": False}]
    gateway.given["cache"] = {"ok": True, "cache": cache, "semantic": semantic}
    assert main(["cache", "stats", *PORT]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[:4] == [
        "questions  7 in 2 partitions (900 bytes)",
        "embedder   minilm, well",
        "bound      faq\N{REPLACEMENT CHARACTER}[2J at worker 0: Hits are given.",
        "           partition abababababab: Hits have ended",
    ]
    assert lines[4].endswith("not ready: they are being read")
    assert len(lines) == 8


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
    assert main(["cache", "stats", "--port", "9128"]) == 1
    assert "no gateway" in capsys.readouterr().err


def test_stats_add_up_over_workers_and_are_what_is_meant_without_a_verb(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    other = CACHE | {"operations": [["exact", "hit", 1]], "evicted": {"expired": 5, "flushed": 1}, "ready": False}
    gateway.given["cache"] = {"ok": True, "cache": CACHE, "found": 2, "entries": []}
    gateway.given["status"] = {"workers": [{"cache": CACHE}, {"cache": other}, {"cache": None}]}
    assert main(["cache", *PORT]) == 0
    assert gateway.asked[0][1]["do"] == "stats"
    assert capsys.readouterr().out.splitlines() == [
        "entries    2 (300 bytes), 2 answers in the memory of 2 workers; not ready: it is reading its store,"
        " or cannot reach it",
        "saved      30 tokens, 3.00 dollars, 5.0 s",
        "exact      4 hit, 1 miss",
        "gone       5 expired, 1 flushed",
    ]
    with pytest.raises(SystemExit, match="0"):
        main(["cache", "--help"])
    assert "flush" in capsys.readouterr().out

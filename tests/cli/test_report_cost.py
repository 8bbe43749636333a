import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.cli.report_cost import dollars
from tests.support.asked_gateway import AskedGateway

PORT = ["--port", "9126"]


def row(name: str, cost: int, **more: Any) -> dict[str, Any]:
    saved = {"cache": 0, "coalescing": 0, "batching": 0, "routing": 0, "prompt_cache": 0}
    return {
        "name": name, "calls": 3, "tokens_in": 30, "tokens_cached": 4, "tokens_out": 9, "cost": cost, "estimated": 0,
        "unpriced": 0, "saved": saved,
    } | more  # fmt: skip


def told(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "ok": True, "by": "model", "rows": list(rows), "more": 0, "total": row("", 12_345_678), "idle": {},
        "forecast": {"problem": "A forecast needs 3 whole days of spending; there are 0 so far."},
    } | more  # fmt: skip


def test_a_table_with_sums_and_what_is_not_known(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    saved = {"cache": 1_000_000, "coalescing": 0, "batching": 0, "routing": 5, "prompt_cache": 0}
    gateway.given["leader"] = told(
        row("m\x1b[31m", 12_345_678, saved=saved), row("", 7), more=2, idle={"gpu": 4_000_000},
        total=row("", 12_345_685, estimated=3, unpriced=2),
        forecast={"month": "2026-11", "spent": 10**6, "expected": 3 * 10**6, "low": 2 * 10**6, "high": 4 * 10**6,
                  "days": 9, "weekdays": []},
    )  # fmt: skip
    assert main(["cost", "--by", "model", "--since", "7d", "--tag", "a", *PORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "calls", "in", "cached", "out", "cost", "$", "saved", "$", "by"]
    assert lines[1].split()[-7:] == ["9", "12.35", "1.00", "cache", "1.00,", "routing", "0.000005"]
    assert "\x1b" not in lines[1]
    assert lines[2].split() == ["-", "3", "30", "4", "9", "0.000007", "0.00", "-"]
    assert lines[3].startswith("in all")
    text = "\n".join(lines)
    assert "2 more rows" in text
    assert "idle: gpu 4.00 $" in text
    assert "0.000003 $ of it is estimated" in text
    assert "2 calls count as free" in text
    assert lines[-1] == "2026-11: 1.00 $ so far, 3.00 $ expected (2.00 to 4.00, from 9 days)"
    question = {"part": "cost", "question": {"by": "model", "since": "7d", "tag": "a"}}
    assert gateway.asked == [("leader", question)]


def test_json_and_csv(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = told(row("=1+1", 5))
    assert main(["cost", "--json", *PORT]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["name"] == "=1+1"
    assert main(["cost", "--csv", *PORT]) == 0
    _, first, _ = csv.reader(io.StringIO(capsys.readouterr().out))
    assert first[0] == "'=1+1"


def test_why_there_is_no_forecast(gateway: AskedGateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.given["leader"] = told()
    assert main(["cost", *PORT]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("A forecast needs 3 whole days")


@pytest.mark.parametrize(("status", "code"), [(400, 2), (404, 1)])
def test_what_the_gateway_refuses(
    gateway: AskedGateway, capsys: pytest.CaptureFixture[str], status: int, code: int
) -> None:
    gateway.given["leader"] = {"ok": False, "status": status, "problems": ["not so"]}
    assert main(["cost", *PORT]) == code
    assert "not so" in capsys.readouterr().err


def test_no_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main(["cost", *PORT]) == 1
    assert "no gateway of this user runs on port 9126" in capsys.readouterr().err


def test_small_amounts_keep_their_digits() -> None:
    assert [dollars(amount) for amount in (0, 1, 990_000, 1_000_000, 1_234_567_890)] == [
        "0.00", "0.000001", "0.99", "1.00", "1,234.57",
    ]  # fmt: skip

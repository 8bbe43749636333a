import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from tests.support.batch_gateway import batch_gateway
from tests.support.jobs import jsonl, line
from tests.support.running_gateway import RunningGateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with batch_gateway(tmp_path_factory.mktemp("home")) as gateway:
        yield gateway


def do(gateway: RunningGateway, *arguments: str) -> int:
    return main(["batch", *arguments, "--url", gateway.url])


def test_a_file_becomes_answers(gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(jsonl(*(line(n) for n in range(20))))
    assert do(gateway, "run", str(file)) == 0
    said = capsys.readouterr()
    assert "20 answered, 0 failed, of 20" in said.out
    assert "100%" in said.err
    assert "\r" not in said.err
    rows = [json.loads(row) for row in (tmp_path / "in.output.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"id-{n}" for n in range(20)]
    assert not (tmp_path / "in.errors.jsonl").exists()


def test_jobs_are_listed_shown_and_cancelled(
    gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(jsonl(*(line(n) for n in range(20_000))))
    assert do(gateway, "run", str(file), "--detach") == 0
    id = capsys.readouterr().out.strip()
    assert do(gateway, "show", id) == 0
    assert id in capsys.readouterr().out
    assert do(gateway, "cancel", id, "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] in ("cancelling", "cancelled")
    assert do(gateway, "list", "--limit", "1") == 0
    assert id in capsys.readouterr().out
    assert do(gateway, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == id


def test_lines_that_fail_are_told(gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(jsonl(line(1), line(2, model="nobody")))
    assert do(gateway, "run", str(file)) == 1
    assert "line 2: the model 'nobody' does not exist here (model_not_found)" in capsys.readouterr().out
    assert do(gateway, "run", str(file), "--json", "--output", str(tmp_path / "o")) == 1
    assert json.loads(capsys.readouterr().out)["output"] is None


def test_a_model_for_lines_that_name_none(gateway: RunningGateway, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    nameless: Any = line(1)
    del nameless["body"]["model"]
    file.write_bytes(jsonl(nameless, line(2)))
    assert do(gateway, "run", str(file), "--model", "echo") == 0


def test_wrong_use(gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert do(gateway, "run", str(tmp_path / "none")) == 2
    (tmp_path / "empty").write_bytes(b"\n")
    assert do(gateway, "run", str(tmp_path / "empty")) == 2
    (tmp_path / "other").write_bytes(b"{}\n")
    assert do(gateway, "run", str(tmp_path / "other")) == 2
    assert do(gateway, "show", "batch_pen_0000000000") == 1
    assert "there is no batch" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["batch"])


def test_problems_beyond_ten_are_counted() -> None:
    from penstock.cli.batch import told

    problems = [{"code": "c", "line": n, "message": "m"} for n in range(1, 13)]
    job: Any = {"id": "b", "status": "failed", "request_counts": {"completed": 0, "failed": 0, "total": 0}}
    assert told(job | {"errors": {"data": problems}})[-1] == "  wrong   2 more"

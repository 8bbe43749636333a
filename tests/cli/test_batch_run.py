from pathlib import Path
from typing import Any

import pytest

from penstock.cli import batch_run
from penstock.cli.batch_run import Drawn, follow, prepared
from penstock.cli.failure import Failure


def told(status: str, done: int = 0, total: int = 10) -> dict[str, Any]:
    return {"id": "b", "status": status, "request_counts": {"completed": done, "failed": 0, "total": total}}


class Api:
    """Says one thing after the other."""

    def __init__(self, *says: Any) -> None:
        self.says = list(says)

    def job(self, id: str) -> Any:
        said = self.says.pop(0)
        if isinstance(said, BaseException):
            raise said
        return said


def test_it_waits_for_the_end_and_over_a_restart(capsys: pytest.CaptureFixture[str]) -> None:
    api: Any = Api(
        told("validating"), Failure("x cannot be reached: refused"), told("in_progress", 5), told("completed", 10)
    )
    assert follow(api, "b", Drawn(), sleep=lambda seconds: None)["status"] == "completed"
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in said] == ["0%", "50%", "100%"]


def test_a_gateway_that_stays_away_or_refuses_ends_it() -> None:
    moments = iter([0.0, 1.0, 100.0])
    away: Any = Api(Failure("it cannot be reached"), Failure("it cannot be reached"))
    with pytest.raises(Failure, match="the job is b"):
        follow(away, "b", Drawn(), sleep=lambda seconds: None, now=lambda: next(moments))
    refuses: Any = Api(Failure("no such batch"))
    with pytest.raises(Failure, match="no such batch"):
        follow(refuses, "b", Drawn(), sleep=lambda seconds: None)


def test_interrupted_the_job_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    api: Any = Api(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        follow(api, "b", Drawn(), sleep=lambda seconds: None)
    assert "penstock batch cancel b" in capsys.readouterr().err


def test_the_bar_of_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(batch_run.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(batch_run.os, "get_terminal_size", lambda file: batch_run.os.terminal_size((100, 20)))
    monkeypatch.setattr(batch_run.sys.stderr, "fileno", lambda: 2, raising=False)
    drawn = Drawn()
    drawn.draw(told("in_progress", 5))
    drawn.say("a line")
    said = capsys.readouterr().err
    assert f"[{'#' * 12}{' ' * 12}]  50%" in said
    assert said.endswith("\r\x1b[2Ka line\n")


def test_a_model_is_put_where_none_is(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b'\n{"url":"/v1/x","body":{}}\n{"body":{"model":"a"}}\nbroken\n{"body":3}\n')
    with prepared(str(path), None) as (same, endpoint):
        assert (same, endpoint) == (str(path), "/v1/x")
    with prepared(str(path), "m") as (copy, endpoint):
        lines = Path(copy).read_bytes().splitlines()
    assert lines == [
        b"",
        b'{"url": "/v1/x", "body": {"model": "m"}}',
        b'{"body":{"model":"a"}}',
        b"broken",
        b'{"body":3}',
    ]
    assert not Path(copy).exists()

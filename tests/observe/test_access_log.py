import io
import json
from typing import Any, TextIO

import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.core.trace import Trace
from penstock.observe import access_log
from penstock.observe.access_log import AccessLog, row_of
from tests.support.exchanges import finished

WALL = 1_800_000_000.25


def log(stream: TextIO, errors_only: bool = False) -> AccessLog:
    return AccessLog(lambda: stream, lambda: WALL, errors_only=errors_only)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_a_call_written_when_flushed() -> None:
    stream = io.StringIO()
    one = log(stream)
    one.note(finished())
    one.note(finished(id="req_2"))
    assert stream.getvalue() == ""
    one.flush()
    one.flush()
    first, second = lines(stream)
    assert (first["id"], second["id"]) == ("req_0xaa-1", "req_2")
    assert (first["level"], first["event"], first["outcome"], first["status"]) == ("info", "call", "ok", 200)
    assert (first["ms"], first["upstream_ms"], first["first_byte_ms"]) == (2500.0, 2000.0, 1000.0)
    assert first["time"] == "2027-01-15T08:00:00.250+00:00"
    assert first["error"] is None


def test_nothing_that_was_said_and_no_key_is_in_it() -> None:
    stream = io.StringIO()
    one = log(stream)
    one.note(finished())
    one.flush()
    assert "secret" not in stream.getvalue()
    assert lines(stream)[0]["key"] == "key-1", "the key's id, not the key"


@pytest.mark.parametrize(
    ("error", "level", "fault"),
    [(CallerError("bad"), "warning", "caller"), (UpstreamError("down"), "error", "upstream")],
)
def test_an_error_is_told_with_whose_fault_it_was(error: Any, level: str, fault: str) -> None:
    row = row_of(finished("error", error=error, status=error.status), WALL)
    assert (row["level"], row["fault"], row["error"], row["reason"]) == (level, fault, error.code, error.message)


def test_errors_only() -> None:
    stream = io.StringIO()
    one = log(stream, errors_only=True)
    one.note(finished(id="fine"))
    one.note(finished(id="passed on", status=502))
    one.note(finished("error", id="refused", error=CallerError("bad"), status=400))
    one.flush()
    assert [line["id"] for line in lines(stream)] == ["passed on", "refused"]


def test_no_line_can_be_broken_or_grow_by_what_a_caller_wrote() -> None:
    stream = io.StringIO()
    one = log(stream)
    error = CallerError('a\nb"c' * 1000)
    one.note(finished("error", asked='x\n{"level":"forged"}' * 1000, model="", error=error, status=404))
    one.flush()
    (line,) = lines(stream)
    assert len(line["model"]) <= 100
    assert len(line["reason"]) <= 300


def test_lines_are_bounded_and_the_lost_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MAX_HELD_LINES", 3)
    stream = io.StringIO()
    one = log(stream)
    for _ in range(5):
        one.note(finished())
    assert one.lost == 2
    one.flush()
    assert len(lines(stream)) == 3
    one.note(finished())
    assert one.lost == 2


def test_a_full_disk_loses_lines_and_no_call() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    one = log(Full())
    one.note(finished())
    one.note(finished())
    one.flush()
    assert one.lost == 2


def test_a_closed_stream_loses_lines_and_no_call() -> None:
    stream = io.StringIO()
    stream.close()
    one = log(stream)
    one.note(finished())
    one.flush()
    assert one.lost == 1


def test_what_an_upstream_wrote_is_not_repeated() -> None:
    error = UpstreamError("an upstream said: your key sk-1", quoted="your key sk-1")
    assert row_of(finished("error", error=error), WALL)["reason"] == "an upstream said: (not logged)"


def test_a_call_that_is_traced_names_its_trace() -> None:
    assert row_of(finished(), WALL)["trace"] is None
    assert row_of(finished(trace=Trace("ab" * 16, 1, "", 0, b"", True, 0.0)), WALL)["trace"] == "ab" * 16


def test_a_terminal_obeys_nothing_that_a_caller_wrote() -> None:
    stream = io.StringIO()
    one = log(stream)
    one.note(finished(asked="a\x9b2J\x1b[31m\u202eü", model=""))
    one.note(finished(id="req_2"))
    one.flush()
    written = stream.getvalue()
    assert all(sign.isprintable() or sign == "\n" for sign in written)
    assert "ü" in written
    first, second = lines(stream)
    assert (first["model"], second["id"]) == ("a\x9b2J\x1b[31m\u202eü", "req_2")

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.caller import Answer, Caller
from penstock.cli.failure import Failure
from penstock.cli.warm_source import from_journal, numbered, open_lines, refusal
from penstock.journal.warming import MOST_LINE_BYTES
from tests.support.cached_gateway import cached_gateway


def lines(text: bytes) -> list[tuple[int, bytes]]:
    return list(numbered(io.BytesIO(text)))


def test_lines_by_number_without_blank_ones() -> None:
    assert lines(b"\xef\xbb\xbfa\n\n \r\nb\r\nc") == [(1, b"a\n"), (4, b"b\r\n"), (5, b"c")]
    assert lines(b"") == []


def test_a_line_that_is_too_long_is_one_line_and_is_not_held() -> None:
    found = lines(b"a\n" + b"x" * (3 * MOST_LINE_BYTES) + b"\nb\n")
    assert [number for number, _ in found] == [1, 2, 3]
    assert MOST_LINE_BYTES < len(found[1][1]) < MOST_LINE_BYTES + 10
    assert found[2][1] == b"b\n"


def test_a_file_of_two_gigabytes_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"first\n")
        file.truncate(2 * 1024**3)  # a hole: a line of zeros that takes no room on the disk
        file.seek(0, io.SEEK_END)
        file.write(b"\nlast\n")
    tracemalloc.start()
    try:
        with open_lines(str(path)) as file:
            found = [(number, len(line)) for number, line in numbered(file)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(1, 6), (2, MOST_LINE_BYTES + 2), (3, 5)]
    assert peak < 5 * MOST_LINE_BYTES


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(Failure, match="cannot be read") as caught:
            open_lines(str(path))
        assert caught.value.status == 2


def test_a_disk_that_fails_is_told_with_the_line() -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            found = super().readline(size)
            if not found:
                raise OSError(5, "Input/output error")
            return found

    with pytest.raises(Failure, match="line 3 cannot be read: Input/output error"):
        list(numbered(Broken(b"a\nb\n")))


def test_why_an_admin_route_was_refused() -> None:
    told = b'{"error": {"message": "no"}}'
    assert "--admin-key" in refusal(Answer(403, {}, told), "the journal")
    assert "does not offer the journal" in refusal(Answer(404, {}, told), "the journal")
    assert refusal(Answer(500, {}, told), "the journal") == "the journal cannot be read: 500: no"


def test_calls_of_one_model_only() -> None:
    def row(model: str, asked: str, prompt: str) -> dict[str, Any]:
        return {"operation": "chat", "model": model, "asked": asked, "scope": "s", "cache": "miss",
                "body": {"messages": [{"role": "user", "content": prompt}]}}  # fmt: skip

    with cached_gateway() as gateway:
        rows = [row("fb-*", "fb-7", "a"), row("other", "other", "b"), {"operation": "chat"}]
        gateway.journal = {"": {"rows": rows, "next": "", "asker": "s", "prompts": True}}
        found = from_journal(Caller(gateway.url, ""), None, "fb-*", 0)
    assert [(one.template, one.model) for one in found.patterns.commonest(5)] == [("a", "fb-7")]
    assert (found.rows, found.bodies, found.scope) == (3, 2, "s")

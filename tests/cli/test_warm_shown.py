import io
import os
import pty
import sys
from typing import Any

import pytest

from penstock.cli.warm_shown import MOST_TOLD, Drawing, share_of_file, share_of_items
from penstock.journal.warming import Budget, Prices


class Counted:
    warmed, cached, failed, skipped, holding = 3, 1, 1, 0, "holding: 9 other calls in flight"


RUN: Any = Counted()
BUDGET = Budget(None, None, Prices({}))


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    drawing = Drawing(share_of_items(10))
    drawing.draw(RUN, BUDGET)
    drawing.clear()
    drawing.say("a line\x1b[2J")
    assert capsys.readouterr().err == "a line [2J\n"


def test_lines_about_calls_are_bounded_and_others_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    drawing = Drawing(share_of_items(10))
    for number in range(3 * MOST_TOLD):
        drawing.say(str(number))
    drawing.insist("the end")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_TOLD + 1
    assert "told no further" in lines[-2]
    assert lines[-1] == "the end"


def test_on_a_terminal_the_bar_is_drawn_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        drawing = Drawing(share_of_items(10))
        drawing.draw(RUN, BUDGET)
        drawing.say("3: failed")
        drawing.clear()
        said = ""
        while "3: failed\r\n" not in said:  # a terminal gives what it has, piece by piece
            said += os.read(ours, 10_000).decode()
    os.close(ours)
    assert said.startswith("[############            ]  50%  3 warmed, 1 cached, 1 failed, 0 tokens")
    assert said.endswith("\r\x1b[2K3: failed\r\n")


def test_how_much_is_done(tmp_path: Any) -> None:
    assert share_of_items(0)(RUN) == 1.0
    path = tmp_path / "f"
    path.write_bytes(b"x" * 100)
    with path.open("rb") as file:
        share = share_of_file(file)
        assert share(RUN) == 0.0
        file.read(50)
        assert share(RUN) == 0.5
    assert share(RUN) is None
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        assert share_of_file(pipe)(RUN) is None
    os.close(writing)
    assert share_of_file(io.BytesIO())(RUN) is None

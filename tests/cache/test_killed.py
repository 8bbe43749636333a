"""The shortened twin of ``bench/cache_kill.py``: a gateway killed while it writes, then a start with many entries."""

from pathlib import Path

from bench.cache_kill import kill_often, problems
from bench.cache_start import start_with
from penstock.process.loop import run

ENTRIES = 3000
SLACK_SECONDS = 10.0
"""For a machine that is busy with other tests."""


def test_a_gateway_killed_at_any_moment_tells_right_answers_only(tmp_path: Path) -> None:
    outcome = run(kill_often(tmp_path, 2, seed=5, workers=1, most_seconds=0.4))
    assert problems(outcome, None) == []
    assert outcome.kills == 2
    assert outcome.calls > 10


def test_a_start_with_many_entries_answers_before_it_has_read_them(tmp_path: Path) -> None:
    start, faults = run(start_with(tmp_path, ENTRIES))
    assert faults == []
    assert start.entries >= ENTRIES
    assert start.first_answer < start.first_hit < SLACK_SECONDS

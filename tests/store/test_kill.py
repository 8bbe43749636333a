"""A writer that is killed at any moment leaves no half record. PENSTOCK_KILLS says how often (10)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.store_kill import is_whole, run, sealed


def test_a_sealed_value_tells_whether_it_is_whole() -> None:
    assert is_whole(sealed(b"payload"))
    assert not is_whole(sealed(b"payload")[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("writers", [1, 2])
def test_writers_killed_at_any_moment_leave_whole_records_alone(writers: int, tmp_path: Path) -> None:
    kills = int(os.environ.get("PENSTOCK_KILLS", "10"))
    found = run(kills, tmp_path, writers=writers)
    assert found.faults == []
    assert found.kills >= kills
    assert found.records > 50 * kills
    assert found.rows >= 300

"""The shortened twin of ``bench/jobs_kill.py``: a gateway killed in the midst of a job."""

from pathlib import Path

import pytest

from bench.jobs_kill import kill_often, problems
from penstock.process.loop import run


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_whose_gateway_is_killed_loses_nothing_and_asks_little_twice(tmp_path: Path, workers: int) -> None:
    outcome = run(kill_often(tmp_path, 1200, 3, seed=4, workers=workers, life=0.2))
    assert problems(outcome) == []
    assert outcome.kills == 3
    assert any(0 < done < 1200 for done in outcome.done_at)

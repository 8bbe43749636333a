"""The shortened twin of ``bench/cache_fleet.py``: two gateways of two workers on one Redis, which is lost once."""

import pytest

from bench.cache_fleet import measure, problems
from penstock.process.loop import run

SLACK_SECONDS = 3.0
"""For a machine that is busy with other tests."""


@pytest.mark.redis
def test_gateways_on_one_redis_are_one_cache_and_survive_its_loss() -> None:
    outcome = run(measure(2, 3.0, 8, 120.0, seed=2, workers=2))
    assert problems(outcome, SLACK_SECONDS) == []
    assert outcome.workers == 4
    assert len(outcome.stored) == 4
    assert outcome.calls > 50
    assert outcome.hits_after > 0

import math
import random
from itertools import pairwise

import pytest

from penstock.core.windows import Group
from penstock.insight.report.totals import Collected
from penstock.insight.report.trends import CHANCE, MEASURES, likeness, trends, unlikely
from tests.support.spans import call, failed, window

DAY = 86_400.0


def rows(collected: Collected) -> dict[str, dict[str, object]]:
    half = len(collected.buckets) // 2
    told = trends(collected.buckets[:half], collected.buckets[half:], collected.step)
    return {str(row["name"]): row for row in told}


def day(slower: float = 0.0, errors: int = 0) -> Collected:
    """Two days, hour by hour, whose calls scatter; the second one with a change."""
    chance = random.Random(7)
    collected = Collected(DAY, 2 * DAY)
    for hour in range(48):
        more = slower if hour >= 24 else 0.0
        calls = [call(total=1.0 + chance.random() / 2 + more, first_byte=0.2) for _ in range(20)]
        calls += [failed()] * (errors if hour >= 24 else 0)
        collected.add(window(hour * 3600.0, calls))
    return collected


def test_a_change_that_is_there_is_told_with_its_direction() -> None:
    told = rows(day(slower=1.0, errors=5))
    assert told["total_p95"]["significant"]
    assert told["total_p95"]["verdict"] == "worse"
    assert told["errors"]["significant"]
    assert told["errors"]["change"] is None  # there were none before
    assert told["token_rate"]["verdict"] == "worse"


def test_scatter_is_none() -> None:
    assert [name for name, row in rows(day()).items() if row["significant"]] == []


def test_noise_is_called_a_trend_as_seldom_as_is_promised() -> None:
    """Also noise that drifts, each value resembling the one before it, on top of a daily rhythm."""
    chance = random.Random(11)
    for drift in (0.0, 0.5, 0.8):
        wrong = 0
        for _ in range(4000):
            noise = [0.0]
            for _ in range(148):
                noise.append(drift * noise[-1] + chance.gauss(0, 1))
            values = [one + 20 * math.sin(place / 24 * math.tau) for place, one in enumerate(noise[-48:])]
            found = unlikely([new - old for old, new in zip(values[:24], values[24:], strict=True)])
            assert found is not None
            wrong += found < CHANCE / len(MEASURES)
        assert wrong / 4000 * len(MEASURES) < 0.07, drift  # of what should be 0.05 at most


def test_a_real_change_is_found_in_spite_of_a_daily_rhythm() -> None:
    chance = random.Random(3)
    found = 0
    for _ in range(200):
        days = [10 + 5 * math.sin(place / 24 * math.tau) + chance.gauss(0, 1) for place in range(48)]
        level = unlikely([new + 2 - old for old, new in zip(days[:24], days[24:], strict=True)])
        found += level is not None and level < CHANCE / len(MEASURES)
    assert found > 130


def test_few_values_tell_nothing() -> None:
    assert unlikely([1.0] * 7) is None
    assert unlikely([1.0] * 7 + [0.0] * 17) is None
    assert unlikely([1.0] * 8) is not None
    assert unlikely([0.0] * 24) == 1.0


def test_a_tiny_change_is_none_however_sure_it_is() -> None:
    before = [group(1.0) for _ in range(24)]
    after = [group(0.98) for _ in range(24)]
    (row,) = [row for row in trends(before, after, 60.0) if row["name"] == "token_rate"]
    assert row["chance"] < 0.001
    assert not row["significant"]


def group(generating: float) -> Group:
    return Group(calls=10, tokens_out=400, generating=generating)


def test_values_that_resemble_their_neighbours() -> None:
    chance = random.Random(1)
    drifting = [0.0]
    for _ in range(400):
        drifting.append(0.8 * drifting[-1] + chance.gauss(0, 1))
    assert likeness(drifting) == pytest.approx(0.8, abs=0.1)
    assert likeness([chance.gauss(0, 1) for _ in range(400)]) < 0.15
    assert likeness([0.3, 0.3, 0.3]) == 0.0
    assert likeness([float(one) for one, _ in pairwise(range(50))]) <= 0.95

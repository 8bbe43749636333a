import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.priority import BATCH
from penstock.memory.bands import LEVELS, level_of
from penstock.memory.limit import MIB, NEEDED, SHARE, Limit, cgroup_bytes, limit_of, too_small

GIB = 1024 * MIB


def test_what_is_configured_counts_first_then_the_container_then_the_machine() -> None:
    assert limit_of(512 * MIB, GIB, 8 * GIB, 1) == (512 * MIB, "memory.limit", 512 * MIB)
    assert limit_of(None, GIB, 8 * GIB, 1) == (int(GIB * SHARE), "cgroup", GIB)
    assert limit_of(None, None, 8 * GIB, 1) == (6 * GIB, "machine", 8 * GIB)
    assert limit_of(None, 16 * GIB, 8 * GIB, 1).source == "machine"


@given(configured=st.one_of(st.none(), st.integers(32 * MIB, 64 * GIB)), workers=st.integers(1, 64))
def test_workers_share_it(configured: int | None, workers: int) -> None:
    alone, shared = limit_of(configured, None, 8 * GIB, 1), limit_of(configured, None, 8 * GIB, workers)
    assert shared.bytes * workers <= alone.bytes < (shared.bytes + 1) * workers


def test_there_is_no_limit_for_nobody() -> None:
    with pytest.raises(ValueError, match="0 workers"):
        limit_of(None, None, GIB, 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [("max\n", None), (None, None), ("", None), ("9223372036854771712\n", None), ("0", None), ("-1", None),
     ("104857600\n", 100 * MIB), ("٣", None)],
)  # fmt: skip
def test_what_cgroups_say(text: str | None, found: int | None) -> None:
    assert cgroup_bytes(text) == found


def test_a_limit_below_what_an_idle_process_needs_is_told_with_the_number_needed() -> None:
    limit = limit_of(64 * MIB, None, GIB, 2)
    wrong = too_small(limit, 40 * MIB, 2)
    assert wrong is not None
    assert "memory.limit must be 120MiB or more for 2 workers" in wrong
    assert too_small(limit_of(120 * MIB, None, GIB, 2), 40 * MIB, 2) is None
    alone = too_small(limit_of(40 * MIB, None, GIB, 1), 40 * MIB, 1)
    assert alone is not None
    assert alone.endswith("60MiB or more")


@given(idle=st.integers(1 * MIB, 4 * GIB))
def test_under_the_least_limit_an_idle_process_sheds_nobody(idle: int) -> None:
    least = Limit(int(idle * NEEDED), "memory.limit", 0)
    assert too_small(least, idle, 1) is None
    assert LEVELS[level_of(idle / least.bytes, 0)].floor == BATCH

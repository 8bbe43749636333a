from hypothesis import given
from hypothesis import strategies as st

from penstock.core.priority import BATCH, HIGH, LOW, NORMAL
from penstock.degrade.config import StepConfig
from penstock.degrade.ladder import Ladder, Relief

SHORT = StepConfig(at=1.0, max_tokens=256)
SHORTER = StepConfig(at=2.0, max_tokens=64, classes=["low", "batch"])
SMALL = StepConfig(at=3.0, model="mini", classes=["high", "normal", "low", "batch"])
OLD = StepConfig(pressure=3, cache_ttl=3600.0, hold=0.0)


def test_each_class_gets_what_its_steps_say() -> None:
    ladder = Ladder([SHORT, SHORTER, SMALL])
    assert ladder.reliefs(0.99, 0, 0.0) == (None, None, None, None)
    told = ladder.reliefs(2.5, 0, 1.0)
    assert told[HIGH] is None
    assert told[NORMAL] == Relief(256)
    assert told[LOW] == told[BATCH] == Relief(64)
    told = ladder.reliefs(3.0, 0, 2.0)
    assert told[HIGH] == Relief(model="mini")
    assert told[LOW] == Relief(64, "mini")
    assert ladder.on == (0, 1, 2)


def test_a_step_stays_on_until_the_load_is_clearly_lower_for_a_while() -> None:
    ladder = Ladder([SHORT])
    assert ladder.reliefs(1.0, 0, 10.0)[NORMAL]
    assert ladder.reliefs(0.9, 0, 60.0)[NORMAL]  # between the two levels
    assert ladder.reliefs(0.7, 0, 64.9)[NORMAL]
    assert ladder.reliefs(0.7, 0, 65.0)[NORMAL] is None
    assert ladder.reliefs(0.9, 0, 70.0)[NORMAL] is None


def test_pressure_alone() -> None:
    ladder = Ladder([OLD])
    assert ladder.reliefs(50.0, 2, 0.0)[NORMAL] is None
    assert ladder.reliefs(0.0, 3, 1.0)[NORMAL] == Relief(cache_ttl=3600.0)
    assert ladder.reliefs(0.0, 2, 1.1)[NORMAL] is None


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 5), st.floats(0, 3)), max_size=60))
def test_on_above_its_level_always_and_never_off_and_on_within_its_hold(
    moments: list[tuple[float, int, float]],
) -> None:
    ladder = Ladder([SHORT, OLD])
    now = asked = 0.0
    was = False
    for load, level, pause in moments:
        now += pause
        ladder.reliefs(load, level, now)
        if load >= 1.0:
            assert 0 in ladder.on
            asked = now
        if was and 0 not in ladder.on:
            assert load < 0.8
            assert now - asked >= 5.0
        was = 0 in ladder.on
        assert (1 in ladder.on) == (level >= 3)

from penstock.scaling.bounds import Bounds
from penstock.scaling.policy_config import PolicyConfig, ScheduleConfig

DAY = 86_400.0
MONDAY = 4 * DAY  # 1970-01-05
NOON = ScheduleConfig(days=["mon"], begin="12:00", end="13:00", min=8, max=20)


def test_without_schedules_the_pools_own_stand() -> None:
    assert Bounds(PolicyConfig(), 2, 30, 0.0).at(MONDAY, 60.0) == (2, 30)


def test_a_schedules_least_is_asked_for_a_start_before_it_begins_and_its_most_from_then_on() -> None:
    bounds = Bounds(PolicyConfig(schedules=(NOON,)), 2, 30, 0.0)
    noon = MONDAY + DAY / 2
    assert bounds.at(noon - 301, 300.0) == (2, 30)
    assert bounds.at(noon - 300, 300.0) == (8, 30)
    assert bounds.at(noon, 300.0) == (8, 20)
    assert bounds.at(noon + 3599, 300.0) == (8, 20)
    assert bounds.at(noon + 3600, 300.0) == (2, 30)


def test_where_schedules_contradict_fewer_win_but_the_pools_own_least_stands() -> None:
    night = ScheduleConfig(max=1)
    assert Bounds(PolicyConfig(schedules=(night, NOON)), 0, 30, 0.0).at(MONDAY + DAY / 2, 0.0) == (1, 1)
    assert Bounds(PolicyConfig(schedules=(night,)), 3, 30, 0.0).at(MONDAY, 0.0) == (3, 3)


def test_the_ceiling_is_a_number_of_replicas_once_a_price_is_known() -> None:
    config = PolicyConfig(ceiling=10_000_000)
    assert Bounds(config, 1, 30, 2.5).at(0.0, 0.0) == (1, 4)
    assert Bounds(config, 1, 30, 0.1).at(0.0, 0.0) == (1, 30)
    assert Bounds(config, 1, 30, 0.0).at(0.0, 0.0) == (1, 30)
    assert Bounds(config, 6, 30, 2.5).at(0.0, 0.0) == (6, 6)


def test_what_a_schedule_brings_next_is_told_and_only_if_it_changes_something() -> None:
    bounds = Bounds(PolicyConfig(schedules=(NOON,)), 2, 30, 0.0)
    noon = MONDAY + DAY / 2
    assert bounds.coming(MONDAY) == (noon, 8, 20)
    assert bounds.coming(noon) == (noon + 3600, 2, 30)
    assert bounds.coming(noon + 3600) == (noon + 7 * DAY, 8, 20)
    assert Bounds(PolicyConfig(), 2, 30, 0.0).coming(MONDAY) is None
    assert Bounds(PolicyConfig(schedules=(NOON,)), 20, 20, 0.0).coming(MONDAY) is None, "fewer than its own never are"

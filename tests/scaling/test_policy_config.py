import msgspec
import pytest

from penstock.scaling.policy_config import PolicyConfig, ScheduleConfig


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (ScheduleConfig(zone="Europe/Nowhere", min=1), ("zone",)),
        (ScheduleConfig(), ()),
        (ScheduleConfig(min=3, max=2), ("min",)),
        (ScheduleConfig(begin="24:00", min=3), ("begin",)),
        (ScheduleConfig(begin="7:30", min=3), ("begin",)),
        (ScheduleConfig(end="25:00", min=3), ("end",)),
    ],
)
def test_a_schedule_that_says_nothing_or_nonsense_is_told(given: ScheduleConfig, place: tuple[str, ...]) -> None:
    assert [one for one, _ in given.check()] == [place]


def test_a_sound_schedule_is_not() -> None:
    assert not list(ScheduleConfig(days=["sat", "sun"], begin="22:00", end="06:00", zone="UTC", max=2).check())


@pytest.mark.parametrize("times", [{"days": []}, {"days": ["saturday"]}])
def test_days_have_one_form(times: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"min": 1, **times}, ScheduleConfig)


def test_the_defaults_are_those_of_the_ledger() -> None:
    config = PolicyConfig()
    assert (config.rule, config.target, config.late, config.waiting) == ("forecast", 0.7, 0.01, 19.0)

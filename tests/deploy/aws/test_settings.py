"""settings.toml as it is written."""

import tomllib

from penstock.deploy.aws.settings import Schedule, Terms, settings
from penstock.scaling.steps import BANDS


def test_every_number_of_the_specification_stands_there() -> None:
    read = tomllib.loads(settings(Terms(BANDS, variants=("lambda", "fargate"))))
    assert {name: read["function"][name] for name in ("memory", "timeout", "min", "max")} == {
        "memory": 3008, "timeout": 30, "min": 50, "max": 500,
    }  # fmt: skip
    scaling = read["scaling"]
    assert (scaling["utilisation"], scaling["composite"]) == (0.7, 50.0)
    assert (scaling["cooldown_out"], scaling["cooldown_in"], scaling["cooldown_steps"]) == (120, 600, 180)
    assert scaling["steps"] == [[30.0, 0], [50.0, 2], [70.0, 5], [90.0, 10], [0.0, 20]]


def test_only_what_is_asked_for_stands_there() -> None:
    read = tomllib.loads(settings(Terms(BANDS, store="", schedules=[Schedule("Day", "0 7 ? * * *", 100, 200)])))
    assert "store" not in read
    assert "service" not in read
    assert read["function"]["schedules"] == [{"name": "Day", "cron": "0 7 ? * * *", "min": 100, "max": 200}]


def test_a_name_cannot_become_a_setting() -> None:
    read = tomllib.loads(settings(Terms(BANDS, alarm_email='a"\ninternal = true\n#')))
    assert read["alarm_email"] == 'a"\ninternal = true\n#'
    assert read["internal"] is False

"""Which actuator a section asks for."""

import pytest

from penstock.scaling.actuators.aws.ecs.service import Ecs
from penstock.scaling.actuators.aws.function.service import Function
from penstock.scaling.actuators.aws.group.service import Group
from penstock.scaling.actuators.aws.service import actuator
from penstock.scaling.actuators.aws_config import AwsConfig, EcsConfig, FunctionConfig, GroupConfig


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (AwsConfig(function=FunctionConfig(name="f")), Function),
        (AwsConfig(ecs=EcsConfig(cluster="c", service="s")), Ecs),
        (AwsConfig(group=GroupConfig(name="g")), Group),
    ],
)
def test_each_kind_has_its_own(config: AwsConfig, kind: type) -> None:
    assert type(actuator(config, 5, 0.0)) is kind

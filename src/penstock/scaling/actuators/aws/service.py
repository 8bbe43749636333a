"""The actuator that a pool's ``aws`` section asks for."""

from __future__ import annotations

from collections.abc import Callable

from penstock.scaling.actuators.actuator import Actuator
from penstock.scaling.actuators.aws.asking.service import Asking, Aws
from penstock.scaling.actuators.aws.ecs.service import Ecs
from penstock.scaling.actuators.aws.function.service import Function
from penstock.scaling.actuators.aws.group.service import Group
from penstock.scaling.actuators.aws_config import AwsConfig


def actuator(
    config: AwsConfig,
    most: int,
    price: float,
    *,
    changes: bool = True,
    sized: Callable[[], bool] = lambda: False,
    ask: Asking | None = None,
) -> Actuator:
    """``most``: replicas of the pool; ``price``: dollars an hour of one; ``changes``: whether this is no dry run;
    ``sized``: whether anybody wants to know how large they are."""
    ask = ask or Aws(config.region, config.timeout)
    if config.function is not None:
        return Function(config.function, ask, most, price, changes=changes, sized=sized)
    if config.ecs is not None:
        return Ecs(config.ecs, ask, price, sized)
    assert config.group is not None  # the config's own check
    return Group(config.group, ask, price)

"""The composition root's part for replicas on Ray: pools of one cluster and namespace share one Ray process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from penstock.core.tasks import Crew

if TYPE_CHECKING:
    from penstock.scaling.actuators.actuator import Actuator
    from penstock.scaling.actuators.ray.driver.service import Drivers
    from penstock.scaling.config import PoolConfig


class RayPools:
    """Makes the actuators of pools on Ray. Imports nothing of them before the first."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._drivers: Drivers | None = None

    def actuator(self, name: str, pool: PoolConfig, price: float) -> Actuator:
        """That of the pool ``name``."""
        config = pool.ray
        assert config is not None
        if config.serve is not None:
            from penstock.scaling.actuators.ray.app.service import ServeApp

            return ServeApp(config.serve, price)
        from penstock.scaling.actuators.ray.driver.service import Drivers
        from penstock.scaling.actuators.ray.service import RayActors

        if self._drivers is None:
            self._drivers = Drivers(self._crew)
        driver = self._drivers.take(config.address, config.namespace)
        over = partial(self._drivers.give_back, config.address, config.namespace)
        return RayActors(name, config, driver.ask, over, price)

    def __repr__(self) -> str:
        return f"<RayPools {self._drivers!r}>"

"""The composition root's part for scaling: at the first worker, what is seen of each pool, and who decides.

What was decided the supervisor's pools see to (``assemble_pools.py``). What was learned of a pool, what people said and
what changed is kept in the store, so that a restart begins with it.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.assemble_capacity import Sizing
from penstock.assemble_forecast import Forecasting
from penstock.assemble_history import host_name
from penstock.config import Config
from penstock.core.stored import Records
from penstock.core.windows import Group, Window
from penstock.routing.config import RoutingConfig
from penstock.routing.live import family
from penstock.routing.table import CANARY

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching
    from penstock.scaling.cloudwatch.service import CloudWatch
    from penstock.scaling.config import PoolConfig
    from penstock.scaling.control.ruling import Kept
    from penstock.scaling.keda.service import Keda
    from penstock.scaling.replica import Standing
    from penstock.scaling.seen import Policy, Seen

log = logging.getLogger("penstock")

TABLE = "scaling"
KEEP = 90 * 86_400.0
WRITES = 6
"""Windows after which what was learned of a pool is written, one pool after the other."""
HOUR = 3600.0


class Scaling:
    """See the module. It survives reloads."""

    def __init__(self, watching: Watching, forecast: Forecasting) -> None:
        from penstock.scaling.control.service import Controller
        from penstock.scaling.control.short import Short

        self._short = Short()
        self._watching = watching
        self._gateway = watching.gateway
        self._forecast = forecast
        self._records: Records | None = None
        self._slots: dict[str, float] = {}
        self._prices: dict[str, float] = {}
        self._served: dict[str, list[str]] = {}
        self._known: set[str] = set()
        self._windows = 0
        self._keda: Keda | None = None
        self._cloudwatch: CloudWatch | None = None
        self._open = False
        fleet = self._gateway.fleet
        self.controller = Controller(
            lambda question: fleet.pools(question), lambda pools: fleet.demand(pools), self._complete, self._policy,
            self._keep, self._gateway.clock.wall,
        )  # fmt: skip
        watching.takers.append(self.take)
        watching.answers["scaling"] = self.answer

    def open(self) -> None:
        """Begin, at the first worker."""
        if self._watching.leads:
            store = self._gateway.store
            self._records = None if store is None else store.records(TABLE)
            self._open = True
            self._gateway.crew.supervise(self.controller)
            self._forecast.open()
            self._remember()
            self._serve()
            self._write()

    def follow(self, config: Config) -> None:
        """Decide for the pools of ``config``."""
        from penstock.scaling.config import ScalingConfig

        section, routing = config.of(ScalingConfig), config.of(RoutingConfig)
        self._forecast.follow(config)
        self._prices = {name: one.price.second * HOUR for name, one in routing.upstreams.items()}
        self.controller.follow(section)
        self._slots = {
            name: float(one.max_in_flight if one.max_in_flight is not None and one.max_in_flight > 0 else one.capacity)
            for name, one in routing.upstreams.items()
        }
        self._served = {
            pattern: [name for name in model.upstreams if name in section.pools]
            for pattern, model in routing.models.items()
        }
        self._known &= set(section.pools)
        self._remember()
        self._serve()
        self._write()

    def _policy(self, name: str, pool: PoolConfig) -> Policy:
        from penstock.scaling.policy import policy_of

        return policy_of(pool.policy, pool.min, pool.max, self._prices.get(name, 0.0), pool.drain)

    def _serve(self) -> None:
        """Answer KEDA, if that is wanted."""
        from penstock.scaling.config import ScalingConfig

        config = self._gateway.config.of(ScalingConfig).keda if self._watching.leads and self._open else None
        if config is not None and self._keda is None:
            from penstock.scaling.keda.service import Keda

            self._keda = Keda(self.controller, lambda: self._gateway.config.of(ScalingConfig).keda)
            self._gateway.crew.supervise(self._keda)
        elif self._keda is not None:
            self._keda.changed.set()

    def _write(self) -> None:
        """Write metrics for CloudWatch, if that is wanted."""
        from penstock.scaling.config import ScalingConfig

        wanted = self._gateway.config.of(ScalingConfig).cloudwatch is not None and self._watching.leads and self._open
        if wanted and self._cloudwatch is None:
            from penstock.scaling.cloudwatch.service import CloudWatch

            self._cloudwatch = CloudWatch(
                lambda: self._gateway.config.of(ScalingConfig).cloudwatch, lambda: self.dump()["pools"],
                wall=self._gateway.clock.wall,
            )  # fmt: skip
            self._gateway.crew.supervise(self._cloudwatch)

    # ---- what is seen

    def take(self, window: Window) -> None:
        """A window of all workers is over."""
        groups: dict[str, list[Group]] = {name: [] for name in self.controller.pools}
        shed = dict.fromkeys(groups, 0.0)
        for group in window.groups:
            pool = family(group.upstream)
            if pool in groups:
                groups[pool].append(group)
            elif not pool and group.failed:
                served = self._served.get(group.model.removesuffix(CANARY), [])
                for name in served:
                    shed[name] += group.failed / len(served)
        now = self._gateway.clock.wall()
        for name, known in self.controller.pools.items():
            known.sight.take(now, groups[name], shed[name])
            known.learn()
        self._windows += 1
        if self.controller.pools and not self._windows % WRITES:
            names = list(self.controller.pools)
            name = names[self._windows // WRITES % len(names)]
            self._keep(name, self.controller.pools[name].kept())
        loads = {name: known.sight.last_load for name, known in self.controller.pools.items()}
        self._forecast.take(window, loads)
        if self._cloudwatch is not None:
            self._cloudwatch.take(window)
        self._alert(now)

    def _alert(self, now: float) -> None:
        """Tell of pools that have not got what they should."""
        pools = self.controller.pools.items()
        rows = {name: one.told for name, one in pools if one.told and not one.ruling.pool.dry_run}
        alerts = self._watching.alerts
        for alert in self._short.look(rows, now):
            if alerts is not None:
                alerts.tell(alert)

    def _complete(self, name: str, standing: Standing, seen: Seen) -> Seen:
        pool = self.controller.pools[name]
        upper = self._forecast.upper(name)
        return msgspec.structs.replace(seen, carries=pool.carries(self._slots.get(name, 1.0)), upper=upper)

    # ---- what outlives a restart

    def _key(self, name: str) -> bytes:
        return f"{host_name(self._gateway.config)}|{name}".encode()

    def _keep(self, name: str, kept: Kept) -> None:
        if self._records is not None and name in self._known:
            self._records.put(self._key(name), msgspec.msgpack.encode(kept), self._gateway.clock.wall() + KEEP)

    def _remember(self) -> None:
        """Read what was kept of pools that are new here."""
        new = [name for name in self.controller.pools if name not in self._known]
        if self._records is not None and new:
            self._known |= set(new)
            self._gateway.crew.spawn(self._restore(self._records, new), "pools of before")

    async def _restore(self, records: Records, names: Iterable[str]) -> None:
        for name in names:
            stored = await records.get(self._key(name))
            if stored is not None:
                try:
                    self.controller.restore(name, stored)
                except ValueError:
                    log.warning("what was known of the pool %s cannot be read: it begins anew", name)

    # ---- what is asked

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Each pool: what stands, what is wanted and why; with ``pool`` that one alone. Or a person's word."""
        from penstock.scaling.control.asked import row, said, unknown

        pools = self.controller.pools
        if "do" in question:
            told = said(question, pools, self._gateway.clock.wall())
            if isinstance(told, dict):
                return told
            name, held = told
            await self.controller.hold(name, held)
            return row(pools[name], self._gateway.clock.wall())
        now = self._gateway.clock.wall()
        if "pool" not in question:
            return {"pools": {name: row(pool, now) for name, pool in pools.items()}}
        name = str(question["pool"])
        return row(pools[name], now) if name in pools else unknown(name, pools)

    def brief(self) -> dict[str, Any]:
        """Of each pool a few numbers, for who looks each second."""
        from penstock.scaling.control.asked import brief

        return {name: brief(pool) for name, pool in self.controller.pools.items()}

    def dump(self) -> dict[str, Any]:
        """For the metrics page."""
        from penstock.scaling.control.asked import gauges

        pools = {name: gauges(pool) for name, pool in self.controller.pools.items()}
        return {"pools": pools, "forecast": self._forecast.gauges()}


def scaling(watching: Watching) -> Scaling | None:
    """A Scaling if the slice is installed."""
    if importlib.util.find_spec("penstock.scaling") is None:
        return None
    watching.scaling = Scaling(watching, Forecasting(watching))
    Sizing(watching, watching.scaling)
    return watching.scaling

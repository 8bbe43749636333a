"""The composition root's part for scaling: at the first worker, what is seen of each pool, and who decides.

What was decided the supervisor's pools see to (``assemble_pools.py``).
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.config import Config
from penstock.core.windows import SPAN, Window

if TYPE_CHECKING:
    from penstock.assemble_watching import Watching
    from penstock.scaling.config import PoolConfig
    from penstock.scaling.replica import Standing
    from penstock.scaling.seen import Policy, Seen


class Scaling:
    """See the module. It survives reloads."""

    def __init__(self, watching: Watching) -> None:
        from penstock.scaling.control.service import Controller

        self._gateway = watching.gateway
        self._window: Window | None = None
        fleet = self._gateway.fleet
        self.controller = Controller(lambda question: fleet.pools(question), self._seen, _policy, self._wall)
        watching.takers.append(self.take)
        watching.answers["scaling"] = self.tell

    def _wall(self) -> float:
        return self._gateway.clock.wall()

    def open(self) -> None:
        """Begin."""
        if self._gateway.number == 0:
            self._gateway.crew.supervise(self.controller)

    def follow(self, config: Config) -> None:
        """Decide for the pools of ``config``."""
        from penstock.scaling.config import ScalingConfig

        self.controller.follow(config.of(ScalingConfig))

    def take(self, window: Window) -> None:
        """The newest window of all workers."""
        self._window = window

    def _seen(self, pool: str, standing: Standing, now: float) -> Seen:
        from penstock.scaling.seen import Seen

        window = self._window
        groups = [] if window is None else [one for one in window.groups if one.upstream.partition("@")[0] == pool]
        calls = sum(one.calls for one in groups)
        return Seen(
            now, SPAN, load=calls / SPAN, requests=calls / SPAN, ready=len(standing.of("ready")),
            starting=len(standing.of("starting")), draining=len(standing.of("draining")), wanted=standing.wanted,
        )  # fmt: skip

    async def tell(self, question: dict[str, Any]) -> dict[str, Any]:
        """Each pool: what stands, what is wanted and why; with ``pool`` that one alone."""
        controller = self.controller
        rows = {name: self._row(name) for name in controller.standing}
        if "pool" not in question:
            return {"pools": rows}
        name = str(question["pool"])
        if name not in rows:
            return {"status": 404, "code": "pool_not_found", "problems": [f'there is no pool "{name[:100]}"']}
        return rows[name]

    def _row(self, name: str) -> dict[str, Any]:
        controller = self.controller
        decided = controller.decided.get(name)
        row = controller.standing[name]
        wanted = row["wanted"] if decided is None else decided.wanted
        changes = [msgspec.to_builtins(one) for one in controller.changes.get(name, ())]
        return {"desired_replicas": wanted, **row, "decision": msgspec.to_builtins(decided), "changes": changes}


def _policy(name: str, pool: PoolConfig) -> Policy:
    from penstock.scaling.policy import policy_of

    return policy_of(pool.policy, pool.min, pool.max, drain=pool.drain)


def scaling(watching: Watching) -> Scaling | None:
    """A Scaling if the slice is installed."""
    return Scaling(watching) if importlib.util.find_spec("penstock.scaling") is not None else None

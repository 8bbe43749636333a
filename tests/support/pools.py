"""An actuator and a routing that are played, for tests of pools; and the config of a real pool of played engines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.pools.plan import Under
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.size import Size

ROOT = Path(__file__).resolve().parents[2]
ENGINE = (
    "{{command: [{python}, -m, bench.paced_engine, --port, '{{port}}', --start, '{start}', --gap, '{gap}'],"
    " environment: {{PYTHONPATH: {root}}}}}"
)
CONFIG = """
auth: {{mode: open}}
listen: {{workers: {workers}}}
upstreams: {{gpu: {{kind: vllm, discover: {{scaling: true}}}}}}
models: {{m: {{upstreams: [gpu]}}}}
scaling:
  interval: 60s
  pools: {{gpu: {{min: {least}, max: 8, drain: {drain}, policy: {{rule: fixed}}, local: {engine}{more}}}}}
"""


def engine(start: float = 0.0, gap: float = 0.02) -> str:
    """A pool's ``local`` that starts played engines."""
    return ENGINE.format(python=sys.executable, root=ROOT, start=start, gap=gap)


def config(*, workers: int = 1, least: int = 1, drain: str = "200ms", start: float = 0.0, gap: float = 0.02,
           more: str = "") -> str:  # fmt: skip
    """A gateway with one pool of played engines, whose number nobody decides but the test."""
    return CONFIG.format(workers=workers, least=least, drain=drain, engine=engine(start, gap), more=more)


class Played:
    """An Actuator whose replicas get ready at once. ``trouble``: what it fails with; ``told``: what it was told."""

    def __init__(self, moves: bool = True) -> None:
        self.moves = moves
        self.replicas: dict[str, Replica] = {}
        self.told: list[object] = []
        self.trouble = ""
        self.closed = False
        self.size = Size(slots=4)
        self.unsized = ""
        self._wanted = 0
        self._number = 0

    async def current(self) -> Standing:
        if self.trouble:
            raise ActuatorError(self.trouble)
        return Standing(
            self._wanted,
            list(self.replicas.values()),
            moves=self.moves,
            size=self.size,
            can=["slots"],
            unsized=self.unsized,
        )

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        self.told.append((count, *victims))
        self._wanted = count
        for name in victims:
            del self.replicas[name]
        while self.moves and len(self.replicas) < count:
            self._number += 1
            name = f"r{self._number}"
            self.replicas[name] = Replica(name, f"h:{self._number}", "ready", asked=1.0, took=2.0)

    async def drain(self, name: str, *, drained: bool) -> None:
        self.told.append((name, drained))

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        if size.context is not None:
            raise ActuatorError("it has no context")
        if not dry_run:
            self.size = size
            self.replicas = {name: structs.replace(one, stale=True) for name, one in self.replicas.items()}
        return size

    async def aclose(self) -> None:
        self.closed = True


class PlayedRouting:
    """A Routed. ``calls`` by address; a move takes them all away."""

    def __init__(self) -> None:
        self.serves: dict[str, list[str]] = {}
        self.history: list[list[str]] = []
        self.calls: dict[str, int] = {}
        self.drained: set[str] = set()
        self.moved: list[str] = []

    async def told(self, pool: str, addresses: list[str]) -> bool:
        self.serves[pool] = addresses
        self.history.append(addresses)
        return True

    async def under(self, pool: str, addresses: Sequence[str]) -> dict[str, Under]:
        return {
            one: Under(self.calls.get(one, 0), float(self.calls.get(one, 0)), one in self.drained)
            for one in addresses
            if one in self.serves.get(pool, []) or self.calls.get(one)
        }

    async def drain(self, pool: str, addresses: Sequence[str], *, drained: bool) -> None:
        self.drained = self.drained | set(addresses) if drained else self.drained - set(addresses)

    async def move(self, pool: str, addresses: Sequence[str]) -> None:
        self.moved += addresses
        for one in addresses:
            self.calls[one] = 0

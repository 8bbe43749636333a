"""A supervisor's pools and the workers, for tests of who decides: plain values, no processes."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.scaling.replica import Replica, Standing, State
from penstock.scaling.size import Size


class Fleet:
    """``replicas`` by pool; ``wants`` are those that were sent. What is wanted stands at once unless ``still``."""

    def __init__(self, *pools: str, wanted: int = 1) -> None:
        self.wanted = dict.fromkeys(pools, wanted)
        self.replicas: dict[str, list[Replica]] = {
            name: [ready(f"{name}-{n}") for n in range(wanted)] for name in pools
        }
        self.wants: list[dict[str, Any]] = []
        self.told: dict[str, list[float]] = {name: [0.0, 0.0, 0.0] for name in pools}
        self.trouble = ""
        self.use = Size()
        self.barred: set[str] = set()
        self.fails: Exception | None = None

    async def pools(self, question: dict[str, Any]) -> dict[str, Any]:
        """As the supervisor answers."""
        if self.fails is not None:
            raise self.fails
        if question["do"] == "want":
            self.wants.append(question["wants"])
            for name, want in question["wants"].items():
                self.wanted[name] = want["count"]
                (self.barred.add if want.get("barred") else self.barred.discard)(name)
        return {"pools": {name: self._row(name) for name in self.wanted}}

    def _row(self, name: str) -> dict[str, Any]:
        standing = Standing(self.wanted[name], self.replicas[name], use=self.use)
        return {
            "standing": msgspec.to_builtins(standing), "wanted": self.wanted[name], "why": "", "trouble": self.trouble,
            "barred": name in self.barred,
        }  # fmt: skip

    async def demand(self, pools: list[str]) -> list[dict[str, Any]]:
        """As the workers answer: one."""
        return [{"worker": 0, "pools": {name: self.told[name] for name in pools}}]


def ready(name: str, took: float = 0.0, state: State = "ready") -> Replica:
    """A replica."""
    return Replica(name, f"{name}:1", state, 100.0, 100.0, took)

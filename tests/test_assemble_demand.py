from types import SimpleNamespace
from typing import Any

from penstock.assemble_demand import Demand


class Gateway:
    """What is asked of one."""

    def __init__(self) -> None:
        self.number = 3
        self.rows: dict[str, list[int]] = {}
        self.queued: dict[str, int] = {}
        self.seats: dict[str, float] = {}
        self.upstreams = SimpleNamespace(
            numbers=lambda: self.rows,
            origins=lambda: [SimpleNamespace(name=name, queued=number) for name, number in self.queued.items()],
        )
        self.held: dict[str, int] = {}
        self.waking = SimpleNamespace(waiting=lambda pool: self.held.get(pool, 0))
        self.admitting: Any = SimpleNamespace(waits=lambda group: dict(self.seats))


def told(demand: Demand, *pools: str) -> Any:
    return demand.told(pools)["pools"]


def test_replicas_of_a_pool_are_added_up() -> None:
    gateway = Gateway()
    demand = Demand(gateway)  # type: ignore[arg-type]
    gateway.rows = {"gpu@h:1": [2, 10, 1], "gpu@h:2": [3, 5, 1], "other": [9, 9, 9], "cpu": [1, 1, 1]}
    gateway.queued, gateway.seats, gateway.held = {"gpu@h:1": 4, "cpu": 0}, {"gpu": 1.5}, {"idle": 2}
    assert demand.told(("gpu", "cpu", "idle")) == {
        "worker": 3, "pools": {"gpu": [5, 15, 5.5], "cpu": [1, 1, 0.0], "idle": [0, 0, 2.0]},
    }  # fmt: skip


def test_what_was_begun_only_grows_whatever_replicas_do() -> None:
    gateway = Gateway()
    demand = Demand(gateway)  # type: ignore[arg-type]
    begun = []
    for rows in (
        {"gpu@h:1": [0, 10, 0], "gpu@h:2": [0, 100, 0]},
        {"gpu@h:1": [0, 12, 0]},
        {"gpu@h:1": [0, 13, 0], "gpu@h:2": [0, 1, 0]},
        {"gpu@h:1": [0, 2, 0], "gpu@h:2": [0, 1, 0]},
        {},
    ):
        gateway.rows = rows
        begun.append(told(demand, "gpu")["gpu"][1])
    assert begun == [110, 112, 114, 116, 116]


def test_without_admission_only_connections_are_waited_for() -> None:
    gateway = Gateway()
    gateway.admitting = None
    gateway.queued = {"gpu@h:1": 2}
    assert told(Demand(gateway), "gpu") == {"gpu": [0, 0, 2.0]}  # type: ignore[arg-type]

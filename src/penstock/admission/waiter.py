"""One call that waits for a seat, as the queue sees it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.admission.bench import Bench
    from penstock.admission.place import Place


class Waiter:
    """``key``: whose it is, ``weight`` that key's share, ``rank`` the call's class; ``places``: where it may sit;
    ``cost``: what it takes of its key's share; ``deadline``: the moment by which it must be answered; ``until``: until
    when it waits; ``front``: it was served already, and goes before all of its class. ``number`` tells who came first.
    ``bench``: where it sits while it waits."""

    __slots__ = (
        "arrived", "bench", "cost", "deadline", "front", "key", "number", "places", "rank", "until", "weight",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        rank: int,
        places: tuple[Place, ...],
        arrived: float,
        deadline: float,
        *,
        weight: float = 1.0,
        cost: float = 1.0,
        patience: float = 30.0,
        front: bool = False,
    ) -> None:
        self.key = key
        self.rank = rank
        self.places = places
        self.arrived = arrived
        self.deadline = deadline
        self.weight = weight
        self.cost = cost
        self.until = min(deadline, arrived + patience)
        self.front = front
        self.number = 0
        self.bench: Bench | None = None

    def __repr__(self) -> str:
        return f"<Waiter {self.number} of '{self.key}', class {self.rank}, until {self.until:.3f}>"

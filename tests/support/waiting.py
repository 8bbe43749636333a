"""Places and calls that wait for them, for tests of admission."""

from __future__ import annotations

from penstock.admission.limit.fixed import Fixed
from penstock.admission.place import Place
from penstock.admission.waiter import Waiter
from penstock.core.priority import NORMAL


def place(name: str = "p", limit: int = 1, *, taken: int = 0, hold: float = 0.0) -> Place:
    """One whose seats nobody is told of when they come free."""
    made = Place(name, Fixed(limit), lambda _: None, taken)
    if hold:
        made.learn(hold)
    return made


def waiter(
    key: str = "k",
    *places: Place,
    rank: int = NORMAL,
    at: float = 0.0,
    deadline: float = 600.0,
    weight: float = 1.0,
    cost: float = 1.0,
    patience: float = 1000.0,
    front: bool = False,
) -> Waiter:
    """A call of ``key`` that came ``at`` this moment."""
    return Waiter(key, rank, places, at, deadline, weight=weight, cost=cost, patience=patience, front=front)

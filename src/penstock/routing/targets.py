"""What may be chosen: one upstream as the routing room sees it. Pure.

A Target lives as long as its worker; a reload that leaves the upstream as it is keeps its counts.
"""

from __future__ import annotations

from penstock.core.exchange import Exchange
from penstock.core.ports import Provider


class Target:
    """An upstream with its weight (≥ 1) and the calls now in flight there. ``kind`` is the configured one; ``refused``
    are the ways of continuing an answer that it did not take, as (operation, model, way)."""

    __slots__ = ("in_flight", "kind", "name", "provider", "refused", "served", "weight")

    def __init__(self, name: str, provider: Provider, weight: int = 1, kind: str = "") -> None:
        self.name = name
        self.provider = provider
        self.weight = weight
        self.kind = kind
        self.refused: set[tuple[str, str, str]] = set()
        self.in_flight = 0
        self.served = 0

    def take_seat(self, exchange: Exchange) -> None:
        """Count ``exchange`` here until it finishes, or until it takes a seat elsewhere."""
        if exchange.seat is None:
            exchange.defer(leave_seat)
        else:
            leave_seat(exchange)
        exchange.seat = self
        self.in_flight += 1
        self.served += 1

    def __repr__(self) -> str:
        return f"<Target {self.name} weight {self.weight}, {self.in_flight} in flight>"


def leave_seat(exchange: Exchange) -> None:
    """Give the seat back."""
    seat = exchange.seat
    if isinstance(seat, Target):
        seat.in_flight -= 1
        exchange.seat = None

"""What calls of a model at an upstream should cost, from what they did: prices by token, found by least squares. Pure.

Enters: tokens and cost of groups of calls. Leaves: the cost that is to be expected of other tokens, so that a price
that changed is told from calls that became longer. No price list is asked: own prices and estimates are meant, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from penstock.core.windows import Group

LAG = 15
LEARNED = 30
DECAY = 0.5 ** (1 / 360)
MOST = 500
Pair = tuple[str, str]
Tokens = tuple[float, float, float]
"""Computed, found cached, answered."""


def tokens(group: Group) -> Tokens:
    """Of a group."""
    cached = min(group.tokens_cached, group.tokens_in)
    return (float(group.tokens_in - cached), float(cached), float(group.tokens_out))


class Price:
    """Of one pair: the sums of least squares, and the prices while they are up to date."""

    __slots__ = ("_cost", "_sums", "_windows", "prices")

    def __init__(self) -> None:
        self._sums = [[0.0] * 3 for _ in range(3)]
        self._cost = [0.0] * 3
        self._windows = 0
        self.prices: list[float] | None = None

    def learn(self, amounts: Tokens, cost: float) -> None:
        """So many tokens cost so much."""
        self._windows += 1
        for row in range(3):
            self._cost[row] = self._cost[row] * DECAY + amounts[row] * cost
            for column in range(3):
                self._sums[row][column] = self._sums[row][column] * DECAY + amounts[row] * amounts[column]
        if self._windows >= LEARNED:
            self.prices = solved(self._sums, self._cost)

    def expected(self, amounts: Tokens) -> float | None:
        """What so many tokens should cost."""
        if self.prices is None:
            return None
        return max(0.0, sum(price * amount for price, amount in zip(self.prices, amounts, strict=True)))


def solved(sums: list[list[float]], right: list[float]) -> list[float]:
    """The solution of three equations, drawn to zero where they say nothing (a ridge of one in a million)."""
    ridge = 1e-6 * (sums[0][0] + sums[1][1] + sums[2][2]) / 3 + 1e-12
    rows = [
        [*(value + (ridge if i == j else 0.0) for j, value in enumerate(row)), right[i]] for i, row in enumerate(sums)
    ]
    for i in range(3):
        pivot = rows[i][i]
        for j in range(3):
            if j != i:
                factor = rows[j][i] / pivot
                rows[j] = [one - factor * other for one, other in zip(rows[j], rows[i], strict=True)]
    return [rows[i][3] / rows[i][i] for i in range(3)]


class Prices:
    """Of all pairs, bounded."""

    def __init__(self) -> None:
        self._known: dict[Pair, Price] = {}
        self._late: deque[tuple[Pair, Tokens, float]] = deque()
        self._windows: deque[int] = deque()

    def expected(self, group: Group) -> float:
        """What the calls of a group should have cost; what they did where nothing is known."""
        known = self._known.get((group.model, group.upstream))
        found = None if known is None or not group.cost else known.expected(tokens(group))
        return float(group.cost) if found is None else found

    def take(self, groups: list[Group], odd: Mapping[Pair, bool]) -> None:
        """Learn from a window two minutes after it, but for pairs that are ``odd`` then."""
        for group in groups:
            if group.cost:
                self._late.append(((group.model, group.upstream), tokens(group), float(group.cost)))
        self._windows.append(sum(1 for group in groups if group.cost))
        if len(self._windows) > LAG:
            for _ in range(self._windows.popleft()):
                pair, amounts, cost = self._late.popleft()
                if not odd.get(pair) and (pair in self._known or len(self._known) < MOST):
                    self._known.setdefault(pair, Price()).learn(amounts, cost)

    def forget(self, pair: Pair) -> None:
        """It has another price now for good."""
        self._known.pop(pair, None)

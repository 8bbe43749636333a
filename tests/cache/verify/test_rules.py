"""Rules that can keep a bound."""

from __future__ import annotations

import math

import pytest

from penstock.cache.verify.rules import Rules
from penstock.cache.verify.spend import Budget


@pytest.mark.parametrize("odd", [0.0, -0.1, 1.5, math.nan, math.inf])
def test_rules_without_a_bound_are_refused(odd: float) -> None:
    for make in (
        lambda: Rules(budget=Budget(odd)),
        lambda: Rules(budget=Budget(0.01, odd)),
        lambda: Rules(shadow=odd),
        lambda: Rules(least_shadow=odd),
        lambda: Rules(alpha=odd),
    ):
        with pytest.raises(ValueError, match="above 0"):
            make()


def test_the_defaults_are_good() -> None:
    assert Rules().budget.per_request == 0.01

"""Series whose make is known, in steps of ten minutes."""

import numpy as np

from penstock.scaling.forecast.past import Floats

DAY = 144


def made(kind: str, days: float = 8, seed: int = 1) -> Floats:
    """``daily`` returns each day, ``weekly`` is lower on two days of seven, ``walk`` forgets where it was, ``flat`` is
    noise."""
    dice = np.random.default_rng(seed)
    at = np.arange(int(days * DAY))
    base = 1000 * (1 + 0.6 * np.sin(2 * np.pi * at / DAY - 1.5))
    noise = np.exp(0.05 * dice.standard_normal(len(at)))
    if kind == "walk":
        return np.exp(7 + np.cumsum(0.05 * dice.standard_normal(len(at))))
    if kind == "flat":
        return 1000 * np.exp(0.3 * dice.standard_normal(len(at)))
    if kind == "weekly":
        base = base * (1 - 0.4 * ((at // DAY) % 7 >= 5))
    return base * noise

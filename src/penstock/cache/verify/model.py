"""One online model for all entries: the probability that a candidate's answer is right, a logistic of its features.

Enters: features; labels as they become known. Leaves: a probability. It begins with a shipped prior (prior.json, by
tools/fit_prior.py) and is updated label by label as an extended Kalman filter on the coefficients (Bayesian logistic
regression by Laplace's approximation; Spiegelhalter & Lauritzen 1990), slowly forgetting. Odd values teach nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import exp, isfinite
from operator import mul
from typing import TYPE_CHECKING, Any

from penstock.cache.verify import compare, signals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NAMES: tuple[str, ...] = (*signals.NAMES, *compare.NAMES, "bias")
DOUBT = 30.0
"""How much wider than fitted the prior is taken to be: other questions than those it was fitted on are to come."""
FORGET = 1 / 20_000
LEAST_VARIANCE = 1e-3


class Prior:
    """Coefficients and their covariance."""

    __slots__ = ("covariance", "weights")

    def __init__(self, weights: Sequence[float], covariance: Sequence[Sequence[float]]) -> None:
        size = len(NAMES)
        if len(weights) != size or len(covariance) != size or any(len(row) != size for row in covariance):
            raise ValueError(f"a prior has {size} coefficients and their covariance")
        if not all(map(isfinite, weights)) or not all(isfinite(value) for row in covariance for value in row):
            raise ValueError("a prior is made of numbers")
        self.weights = [float(value) for value in weights]
        self.covariance = [[float(value) for value in row] for row in covariance]


def blank() -> Prior:
    """Knows nothing: for fitting, and for tests."""
    size = len(NAMES)
    each = 0.3 / DOUBT
    return Prior([0.0] * size, [[each if row == column else 0.0 for column in range(size)] for row in range(size)])


def read(text: str) -> Prior:
    """A prior from the text of its file. Raises ValueError if it is none of this version's."""
    kept: Any = json.loads(text)
    if not isinstance(kept, dict) or tuple(kept.get("names", ())) != NAMES:
        raise ValueError("the prior was fitted for other features; run tools/fit_prior.py")
    lower = kept["covariance"]  # the lower triangle
    size = len(NAMES)
    if len(lower) != size or any(len(row) != place + 1 for place, row in enumerate(lower)):
        raise ValueError("the prior's covariance has another shape")
    return Prior(kept["weights"], [[lower[max(a, b)][min(a, b)] for b in range(size)] for a in range(size)])


def shipped() -> Prior:
    """The prior that comes with the package."""
    from importlib.resources import files

    return read(files("penstock.cache.verify").joinpath("prior.json").read_text("utf-8"))


class Model:
    """See the module. ``labels``: how many it has learned from."""

    __slots__ = ("_bound", "_covariance", "_prior", "_weights", "labels")

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._weights = list(prior.weights)
        self._covariance: Array | None = None
        self._bound = 0.0
        self.labels = 0

    def probability(self, features: Sequence[float]) -> float:
        """Of ``features`` without the constant one; 0 for what is no number."""
        weights = self._weights
        margin = sum(map(mul, weights, features)) + weights[-1]
        if margin > 30.0:
            return 1.0 - 1e-13
        return 1.0 / (1.0 + exp(-margin)) if margin > -30.0 else 0.0

    def learn(self, features: Sequence[float], right: bool, weight: float = 1.0) -> None:
        """One label. ``weight``: how many questions like it it stands for."""
        import numpy as np

        covariance = self._widen() if self._covariance is None else self._covariance
        x = np.array((*features, 1.0))
        if x.shape != (len(NAMES),) or not np.isfinite(x).all() or not weight > 0.0:
            return
        probability = self.probability(features)
        variance = max(probability * (1.0 - probability), LEAST_VARIANCE) * weight
        gain = covariance @ x
        scale = 1.0 + variance * float(x @ gain)
        step = gain * ((right - probability) * weight / scale)
        moved = np.asarray(self._weights) + step
        covariance -= np.outer(gain, gain * (variance / scale))
        if not np.isfinite(moved).all() or covariance.diagonal().min() <= 0.0:  # rounding has broken it
            self._weights, self._covariance = list(self._prior.weights), None
            return
        if covariance.trace() < self._bound:
            covariance *= 1.0 + FORGET
        self._weights = moved.tolist()
        self.labels += 1

    def _widen(self) -> Array:
        import numpy as np

        start = np.array(self._prior.covariance) * DOUBT + np.eye(len(NAMES)) * 0.01
        self._covariance = start
        self._bound = float(start.trace())
        return start

    def dump(self) -> dict[str, Any]:
        covariance = None if self._covariance is None else self._covariance.tolist()
        return {"names": list(NAMES), "weights": self._weights, "covariance": covariance, "labels": self.labels}

    def load(self, kept: object) -> bool:
        """Take up what ``dump`` gave; False, and nothing is changed, if it is damaged or of other features."""
        if not isinstance(kept, dict) or tuple(kept.get("names", ())) != NAMES:
            return False
        try:
            covariance = kept["covariance"]
            checked = Prior(kept["weights"], self._prior.covariance if covariance is None else covariance)
            labels = int(kept["labels"])
        except (KeyError, TypeError, ValueError):
            return False
        self._widen()
        self._weights, self.labels = checked.weights, labels
        if covariance is None:
            self._covariance = None
        else:
            import numpy as np

            self._covariance = np.array(checked.covariance)
        return True

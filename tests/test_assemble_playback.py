"""Embedders by name, for the bench."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.assemble_playback import embed
from penstock.cache.embedding.store import WeightsError


class _Model:
    dimensions = 3

    def encode(self, texts: list[str]) -> list[object]:
        return [None if text == "?" else np.ones(3, np.float32) for text in texts]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("penstock.cache.embedding.store.load", lambda _: _Model())
    return monkeypatch


def test_a_row_a_text_and_zeros_where_there_is_no_vector(load: pytest.MonkeyPatch) -> None:
    made = embed("minilm", ["a", "?"] * 70)
    assert made.shape == (140, 3)
    assert made.sum() == 3 * 70


def test_unknown_names_and_missing_weights_are_said(load: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="minilm, static"):
        embed("bert", ["a"])

    def missing(_: object) -> object:
        raise WeightsError("they are not here")

    load.setattr("penstock.cache.embedding.store.load", missing)
    with pytest.raises(OSError, match="not here"):
        embed("static", ["a"])

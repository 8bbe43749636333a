"""What holds for which call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.batching.config import BatchingConfig, Rule
from penstock.batching.terms import MOST_MODELS, AllTerms


def test_a_models_rule_counts_before_an_operations() -> None:
    config = BatchingConfig(
        operations={"embeddings": Rule(max_items=8, max_wait=0.5), "rerank": Rule(enabled=True)},
        models={"bge-*": Rule(max_items=4), "bge-m3": Rule(min_items=7), "off": Rule(enabled=False)},
    )
    terms = AllTerms(config)
    plain = terms.of("embeddings", "m")
    assert (plain.enabled, plain.min_items, plain.max_items, plain.max_wait) == (True, 1, 8, 0.5)
    assert (terms.of("embeddings", "bge-x").max_items, terms.of("embeddings", "bge-x").max_wait) == (4, 0.5)
    assert (terms.of("moderations", "bge-x").max_items, terms.of("moderations", "m").max_items) == (4, 32)
    exact = terms.of("embeddings", "bge-m3")
    assert (exact.min_items, exact.max_items) == (7, 8)  # the exact name's rule, not the pattern's
    assert terms.of("rerank", "m").enabled
    assert not terms.of("rerank", "off").enabled
    assert not AllTerms(BatchingConfig()).of("rerank", "m").enabled
    assert terms.of("embeddings", "m") is plain


def test_the_smallest_is_never_above_the_largest() -> None:
    config = BatchingConfig(operations={"embeddings": Rule(max_items=4)}, models={"m": Rule(min_items=6)})
    assert AllTerms(config).of("embeddings", "m").min_items == 4


@pytest.mark.parametrize(
    ("load", "factor"),
    [(0.0, 2), (0.29, 2), (0.3, 1), (0.5, 1), (0.6, 1 / 2), (0.79, 1 / 2), (0.8, 1 / 3), (5.0, 1 / 3)],
)
def test_the_table_of_waits(load: float, factor: float) -> None:
    terms = AllTerms(BatchingConfig(max_wait=0.3)).of("embeddings", "m")
    assert terms.wait_at(load) == pytest.approx(0.3 * factor)


def test_without_a_table_the_wait_is_the_same_always() -> None:
    terms = AllTerms(BatchingConfig(max_wait=0.3, wait_at_load=[])).of("embeddings", "m")
    assert terms.wait_at(0.9) == 0.3


@given(st.lists(st.floats(0, 3), min_size=2, max_size=2))
def test_a_fuller_gateway_never_waits_longer(loads: list[float]) -> None:
    terms = AllTerms(BatchingConfig()).of("embeddings", "m")
    assert terms.wait_at(max(loads)) <= terms.wait_at(min(loads))


def test_names_that_callers_make_up_are_bounded() -> None:
    terms = AllTerms(BatchingConfig())
    for number in range(MOST_MODELS + 5):
        terms.of("embeddings", f"m{number}")
    assert len(terms._known) <= MOST_MODELS

"""Rules by name."""

from __future__ import annotations

import pytest

from penstock.cache.verify.compare import NAMES, compare
from penstock.cache.verify.lexical import prepare
from penstock.cache.verify.vetoes import DEFAULT, VETOES, Vetoes


def test_every_rule_is_a_feature() -> None:
    assert set(VETOES) == set(NAMES[NAMES.index("question") :])
    assert set(DEFAULT) < set(VETOES)


def test_only_what_is_switched_on_fires() -> None:
    features = compare(prepare("pay 5 not 6 dollars"), prepare("pay 7 dollars"))
    assert set(Vetoes(["numbers", "negation", "code"]).fired(features)) == {"numbers", "negation"}
    assert Vetoes(["numbers"]).fired(features) == ("numbers",)
    assert Vetoes([]).fired(features) == ()


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="no veto 'number'"):
        Vetoes(["number"])

"""The word lists agree with each other."""

from __future__ import annotations

from penstock.cache.verify import words as w


def test_opposites_go_both_ways() -> None:
    assert all((b, a) in w.OPPOSITES for a, b in w.OPPOSITES)
    assert not any(a == b for a, b in w.OPPOSITES)


def test_a_word_is_in_one_class_and_a_class_has_several() -> None:
    for name in set(w.CLASS_OF.values()):
        assert sum(1 for kind in w.CLASS_OF.values() if kind == name) >= 2


def test_small_words_of_other_languages_are_not_english_ones() -> None:
    assert not w.ELSEWHERE & w.FUNCTION

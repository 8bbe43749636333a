"""What is found in a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.lexical import bare, prepare, stem


def test_numbers_are_found_in_digits_and_in_words() -> None:
    assert prepare("send two hundred dollars and 1,000.50 euros").numbers == ("200", "1000.5")
    assert prepare("twenty five items").numbers == ("25",)
    assert prepare("5 million users").numbers == ("5000000",)
    assert prepare("World War II").numbers == ("2",)
    assert prepare("wake me at 5:00").numbers == prepare("wake me at 5").numbers


def test_identifiers_keep_their_case_and_lose_their_hash() -> None:
    assert prepare("status of #WT-44219?").identifiers == ("WT-44219",)
    assert prepare("call foo_bar() in /etc/hosts").identifiers == ("/etc/hosts", "foo_bar")
    assert prepare("mail me at a.b@example.com").identifiers == ("a.b@example.com",)


def test_a_unit_wants_a_number_where_the_word_has_other_meanings() -> None:
    assert prepare("in 5 minutes").units == ("min",)
    assert prepare("just a minute").units == ()
    assert prepare("convert USD to euros").units == ("usd", "eur")


def test_names_are_capitalised_words_inside_a_sentence() -> None:
    assert prepare("Ask Jack Miller about Rome.").entities == ("jack", "miller", stem("rome"))
    assert prepare("What is it? Where is it?").entities == ()
    assert prepare("WHY IS IT BROKEN").entities == ()


def test_contractions_are_resolved_and_negations_counted() -> None:
    assert prepare("I can't pay").words == ("i", "can", "not", "pay")
    assert prepare("I don’t know, never did").negations == 2
    assert prepare("whats up").words == prepare("what is up").words


def test_quotes_around_the_whole_are_not_a_quotation() -> None:
    assert bare('"skip forward"') == "skip forward"
    assert prepare('"skip forward"').quotes == ()
    assert prepare('translate "good day" to French').quotes == ("good day",)


def test_code_is_kept_apart() -> None:
    prepared = prepare("what does `x = 1` do")
    assert prepared.code == ("x = 1",)
    assert prepared.words == ("what", "does", "do")


def test_stems_bring_forms_together() -> None:
    assert stem("cards") == stem("card")
    assert stem("charged") == stem("charge") == stem("charges")
    assert stem("status") == "status"


@given(st.text(max_size=300))
def test_any_text_can_be_prepared(text: str) -> None:
    prepared = prepare(text)
    assert prepared.size <= len(text)
    assert prepare(text).grams == prepared.grams
    assert len(set(prepared.content)) == len(prepared.content)

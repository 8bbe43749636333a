import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.journal.redaction import KINDS, Redaction


def redacted(text: str, *patterns: str) -> str:
    body = msgspec.json.encode({"messages": [{"role": "user", "content": text}]})
    content: str = msgspec.json.decode(Redaction(patterns)(body))["messages"][0]["content"]
    return content


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "write to ann.lee+x@mail.example.org, please"),
        ("phone", "call +49 30 1234 5678 today"),
        ("card", "it is 4111 1111 1111 1111, valid"),
        ("iban", "to DE89 3704 0044 0532 0130 00 now"),
        ("secret", "with sk-proj_abcdefghijklmnop in it"),
    ],
)
def test_kinds(kind: str, text: str) -> None:
    assert "[redacted]" in redacted(text, kind)
    assert not any(word in redacted(text, kind) for word in ("ann.lee", "5678", "1111", "0532", "abcdef"))
    assert text.split(maxsplit=1)[0] in redacted(text, kind)


def test_plain_words_stay() -> None:
    plain = "In 2024 we had 15 models; version 3.11.7 at 10:30, order 12345."
    assert redacted(plain, *KINDS) == plain


def test_an_expression_of_ones_own() -> None:
    assert redacted("case ABC-1234 and ABC-9", r"ABC-\d{4}") == "case [redacted] and ABC-9"


def test_names_and_numbers_stay() -> None:
    body = msgspec.json.encode({"email@x.org": 4111111111111111, "stream": True, "none": None})
    assert Redaction(list(KINDS))(body) == body


def test_what_is_no_expression() -> None:
    with pytest.raises(ValueError, match=r"'\(' is neither email, phone"):
        Redaction(["("])


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=10))
def test_what_does_not_match_is_as_it_was(value: object) -> None:
    body = msgspec.json.encode({"value": value})
    assert Redaction([r"(?!)"])(body) == body

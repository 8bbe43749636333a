from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.wire.query import MOST_PARAMETERS, asked_model, sent_query

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("query", "model"),
    [
        (b"model=m", "m"),
        (b"x=1&model=org%2Fbig&y", "org/big"),
        (b"model=a+b", "a b"),
        (b"model=gr%C3%BC%C3%9F", "gr\u00fc\u00df"),
        (b"model=m;model=n", "m;model=n"),
    ],
)
def test_the_model_that_is_asked_for(query: bytes, model: str) -> None:
    assert asked_model(query) == model


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"", "missing_model"),
        (b"model", "missing_model"),
        (b"model=", "missing_model"),
        (b"Model=m", "missing_model"),
        (b"model=m&model=m", "bad_query"),
        (b"model=m&model=", "bad_query"),
        (b"model=m&%6d%6F%64el=n", "bad_query"),
        (b"model=%ff", "bad_query"),
        (b"model=m" + b"&x=1" * MOST_PARAMETERS, "bad_query"),
    ],
)
def test_none_or_more_than_one_or_what_cannot_be_read(query: bytes, code: str) -> None:
    with pytest.raises(CallerError) as refused:
        asked_model(query)
    assert (refused.value.status, refused.value.code) == (400, code)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (b"model=m", b"model=there"),
        (b"a=1&model=m&b=&c", b"model=there&a=1&b=&c="),
        (b"model=m&api-version=2&voice=a%20b", b"model=there&api-version=2&voice=a%20b"),
        (b"model=m&api_key=k&API-KEY=k&apikey=k&access_token=k&token=k&key=k&client_secret=k", b"model=there"),
        (b"model=m&keyboard=1&tokens=2", b"model=there&keyboard=1&tokens=2"),
        (b"model=m&intent=transcription", b"intent=transcription"),
        (b"model=m&intent=realtime", b"model=there&intent=realtime"),
        (b"model=m&x=%0d%0aevil:1;y=2", b"model=there&x=%0D%0Aevil%3A1%3By%3D2"),
    ],
)
def test_what_the_upstream_gets(query: bytes, sent: bytes) -> None:
    assert sent_query(query, "there") == sent


@given(st.lists(st.tuples(WORDS, WORDS), max_size=6), WORDS)
def test_whatever_it_says_it_says_no_more_to_the_upstream(pairs: list[tuple[str, str]], model: str) -> None:
    """Parameters stay what they were, the model is the only one of its name, and nothing breaks out of the line."""
    others = [(name, value) for name, value in pairs if name != "model"]
    sent = sent_query(urlencode([*others, ("model", "m")]).encode(), model)
    got = parse_qsl(sent.decode(), keep_blank_values=True)
    assert [value for name, value in got if name == "model"] in ([model], [])
    assert [pair for pair in got if pair[0] != "model"] == [pair for pair in others if pair in got]
    assert not set(sent) & set(b" \r\n\0;#")

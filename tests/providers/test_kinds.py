from typing import get_args

import pytest

from penstock.providers.kinds import HTTP_KINDS, speech
from penstock.routing.upstream_config import Kind

WITHOUT_HTTP = {"echo", "local", "bedrock"}


def test_every_kind_that_can_be_configured_is_spoken_or_known_not_to_be() -> None:
    assert set(HTTP_KINDS) | WITHOUT_HTTP == set(get_args(Kind))


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("openai", (b"authorization", b"Bearer sk-1")),
        ("vllm", (b"authorization", b"Bearer sk-1")),
        ("azure", (b"api-key", b"sk-1")),
        ("anthropic", (b"x-api-key", b"sk-1")),
    ],
)
def test_each_shows_its_key_in_its_own_way(kind: str, field: tuple[bytes, bytes]) -> None:
    assert speech(kind, "https://api.example/v1", "sk-1", {}).fields == [field]
    assert speech(kind, "https://api.example/v1", None, {}).fields == []


def test_a_configured_field_stands_in_for_the_key() -> None:
    made = speech("openai", "http://h/v1", "sk-1", {"Authorization": "Basic abc", "X-Team": "t\u00e9"})
    assert made.fields == [(b"authorization", b"Basic abc"), (b"x-team", b"t\xe9")]


def test_further_keys_are_shown_in_the_same_way() -> None:
    made = speech("llamacpp", "http://h/v1", "k1", {"X-Team": "t"}, ["k2", "k3"])
    assert [made.fields, *made.other_fields] == [
        [(b"x-team", b"t"), (b"authorization", b"Bearer " + key), (b"connection", b"close")]
        for key in (b"k1", b"k2", b"k3")
    ]
    assert speech("openai", "http://h/v1", None, {}, ["k2"]).fields == [(b"authorization", b"Bearer k2")]


def test_what_nobody_may_see() -> None:
    made = speech("openai", "http://h/v1", "k1", {"Authorization": "Bearer sk-x", "X-Team": "the team"}, ["k2"])
    assert set(made.secrets) == {b"k1", b"k2", b"Bearer sk-x", b"sk-x", b"the team"}


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://10.0.0.1:8000/v1", "10.0.0.1:8000", "/v1"),
        ("https://api.example", "api.example", ""),
        ("http://[::1]:8000/a/b", "[::1]:8000", "/a/b"),
        ("http://h/v1/", "h", "/v1"),
    ],
)
def test_where_it_is(url: str, host: str, path: str) -> None:
    made = speech("openai", url, None, {})
    assert (made.host, made.base_path) == (host, path)


def test_anthropic_gets_a_version_where_the_caller_sends_none() -> None:
    made = speech("anthropic", "https://api.anthropic.com/v1", "k", {})
    assert made.dialects == {"anthropic"}
    assert [name for name, _ in made.defaults] == [b"anthropic-version"]


def test_a_server_that_closes_after_streams_is_told_that_the_connection_ends() -> None:
    assert speech("llamacpp", "http://h/v1", None, {}).fields == [(b"connection", b"close")]


def test_who_may_offer_realtime() -> None:
    offering = {kind for kind in HTTP_KINDS if speech(kind, "http://h/v1", None, {}).realtime}
    assert offering == {"openai", "azure", "vllm", "sglang"}


def test_a_kind_not_spoken() -> None:
    with pytest.raises(KeyError):
        speech("bedrock", "http://h", None, {})

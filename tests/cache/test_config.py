"""What the section refuses."""

import importlib.util
import os

import pytest

from penstock.cache.config import CacheConfig
from penstock.config import Config, ConfigError

BASE = "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"


def parse(section: str) -> Config:
    return Config.parse(BASE + f"cache: {section}\n", "c.yaml", os.environ)


def test_defaults() -> None:
    section = parse("{}").of(CacheConfig)
    assert section.exact.enabled
    assert section.exact.ttl == 3600
    assert section.scope == "key"
    assert set(section.classifications) == {"public", "internal", "confidential", "no-store"}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{confirm: true}", "c.yaml:3: cache: confirm has a meaning with scope all only"),
        ("{memory: 1MiB, max_answer: 2MiB}", "max_answer is more than memory"),
        ("{classifications: {'a b': {}}}", "without spaces"),
        ("{ignore_headers: [X-Thing]}", "ignore_headers: 'X-Thing'"),
        ("{ignore_headers: [x-penstock-cache]}", "lower-case"),
        ("{scope: everybody}", "scope"),
        ("{exact: {ttl: 0s}}", "ttl"),
        ("{encryption_key: short}", "at least 16"),
        ("{secret: short}", "at least 16"),
        ("{models: {n: {enabled: true}}}", '"n"'),
    ],
)
def test_what_is_refused_and_where(section: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(section)
    assert told in str(refused.value)
    assert "c.yaml:3" in str(refused.value)


def test_encryption_without_its_library_is_told_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cryptography" else found(name))
    with pytest.raises(ConfigError, match=r"c\.yaml:3: cache: encryption_key needs .*penstock\[encryption\]"):
        parse("{encryption_key: 0123456789abcdef}")


def test_secrets_are_masked() -> None:
    config = parse("{secret: 0123456789abcdef, encryption_key: 0123456789abcdef}")
    assert "0123456789abcdef" not in str(config.dump())

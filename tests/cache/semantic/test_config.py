"""The section ``cache.semantic``."""

from __future__ import annotations

import pytest

from penstock.config import Config, ConfigError

UPSTREAMS = "upstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}, mini: {upstreams: [echo]}}\n"


def parse(semantic: str) -> Config:
    return Config.parse(f"{UPSTREAMS}cache: {{semantic: {semantic}}}\n", "penstock.yaml", {})


def problems(semantic: str) -> str:
    with pytest.raises(ConfigError) as raised:
        parse(semantic)
    return "\n".join(raised.value.problems)


def test_it_is_off_until_it_is_turned_on() -> None:
    from penstock.cache.config import CacheConfig

    assert not parse("{}").of(CacheConfig).semantic.enabled
    section = parse("{enabled: true, judge: {model: mini}, models: [echo], embedder: static}").of(CacheConfig).semantic
    assert (section.enabled, section.max_error, section.alpha, section.candidates) == (True, 0.01, 0.05, 8)
    assert section.judge is not None
    assert section.judge.max_per_minute == 30


@pytest.mark.parametrize(
    ("semantic", "said"),
    [
        ("{embedder: minilmm}", 'must be minilm, static or upstream:MODEL'),
        ("{embedder: 'upstream:'}", "name the model"),
        ("{embedder: 'upstream:echo'}", "dimensions"),
        ("{embedder: 'upstream:nope', dimensions: 64}", 'unknown model "nope"'),
        ("{judge: {model: mimi}}", 'unknown model "mimi"'),
        ("{models: [ech]}", 'cache.semantic.models: unknown model "ech"'),
        ("{weights: {similarity: 0.9}}", "add up to 1"),
        ("{max_error: 0}", "max_error"),
        ("{max_error: 0.9}", "max_error"),
        ("{patience: 1h}", "patience"),
        ("{rules: {words: ['']}}", "printable"),
        ("{threshold: 0.9}", "threshold"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(semantic: str, said: str) -> None:
    found = problems(semantic)
    assert said in found
    assert found.startswith("penstock.yaml:3")

"""The section: one line turns it on, and what makes no sense is refused where it stands."""

import os

import pytest

from penstock.batching.config import BatchingConfig
from penstock.config import Config, ConfigError

REST = "upstreams: {up: {kind: echo}}\nmodels: {m: {upstreams: [up]}, 'bge-*': {upstreams: [up]}}\n"


def parsed(text: str) -> BatchingConfig:
    return Config.parse(f"{REST}batching: {text}\n", "penstock.yaml", os.environ).of(BatchingConfig)


def test_it_is_off_and_one_line_turns_it_on() -> None:
    assert not Config.parse(REST, "penstock.yaml", {}).of(BatchingConfig).enabled
    config = parsed("{enabled: true}")
    assert config.enabled
    assert (config.scope, config.min_items, config.max_items, config.max_wait) == ("key", 1, 32, 0.01)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{max_items: 0}", "max_items"),
        ("{max_items: -3}", "max_items"),
        ("{min_items: 0}", "min_items"),
        ("{min_items: 9, max_items: 8}", "min_items 9 is more than max_items 8"),
        ("{max_tokens: 0}", "max_tokens"),
        ("{max_bytes: 0}", "max_bytes"),
        ("{max_wait: -1ms}", "max_wait"),
        ("{max_wait: 1m}", "max_wait"),
        ("{total: 1}", "total"),
        ("{scope: team}", "scope"),
        ("{wait_at_load: [{above: 0.5, factor: 1}, {above: 0.5, factor: 2}]}", "two steps"),
        ("{wait_at_load: [{above: -1, factor: 1}]}", "above"),
        ("{operations: {embedings: {max_items: 4}}}", "embeddings"),
        ("{operations: {chat: {enabled: true}}}", 'unknown "chat"'),
        ("{operations: {rerank: {min_items: 40}}}", "no batch could have as many"),
        ("{models: {m: {min_items: 33}}}", "no batch could have as many"),
        ("{models: {n: {max_items: 3}}}", 'unknown model "n"'),
        ("{models: {'a*b': {max_items: 3}}}", "a star stands at the end only"),
        ("{windows: 3}", "windows"),
    ],
)
def test_what_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert "penstock.yaml:3" in str(caught.value)
    assert complaint in str(caught.value)


def test_rules_for_patterns_are_known_models() -> None:
    assert set(parsed("{models: {'bge-*': {max_items: 3}, bge-m3: {enabled: false}, m: {}}}").models) == {
        "bge-*", "bge-m3", "m",
    }  # fmt: skip

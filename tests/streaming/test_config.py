import pytest

from penstock.config import Config, ConfigError
from penstock.streaming.config import StreamingConfig


def test_the_defaults_are_those_of_the_specification() -> None:
    terms = Config.parse("", "c.yaml", {}).of(StreamingConfig)
    assert (terms.heartbeat, terms.slow_reader_timeout, terms.on_slow_reader) == (30.0, 300.0, "pause")
    assert (terms.pressure.moderate, terms.pressure.severe) == (0.7, 0.9)
    assert (terms.pressure.delay, terms.pressure.wait) == (0.05, 0.1)
    merge = terms.merge
    assert (merge.enabled, merge.fast_client, merge.short, merge.pressure) == (False, 0.05, 3, 0.5)
    assert terms.pace.per_stream == terms.pace.per_key == 0


def test_a_file_may_change_them() -> None:
    text = "streaming: {on_slow_reader: coalesce, buffer: 64KiB, pace: {per_stream: 20}, merge: {enabled: true}}\n"
    terms = Config.parse(text, "c.yaml", {}).of(StreamingConfig)
    assert (terms.on_slow_reader, terms.buffer, terms.pace.per_stream) == ("coalesce", 65536, 20)
    assert terms.merge.enabled


def test_moderate_pressure_comes_before_severe() -> None:
    with pytest.raises(ConfigError, match="severe"):
        Config.parse("streaming: {pressure: {moderate: 0.9, severe: 0.8}}\n", "c.yaml", {})

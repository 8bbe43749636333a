import os

import pytest

from penstock.config import Config, ConfigError
from penstock.warmup.config import WarmupConfig


def section(text: str) -> WarmupConfig:
    return Config.parse(f"warmup: {text}\n", "c.yaml", os.environ).of(WarmupConfig)


def test_each_task_has_a_time_of_its_own_and_can_be_left_out() -> None:
    plain = section("{}")
    assert (plain.timeout("store"), plain.timeout("connections"), plain.timeout("caches")) == (3.0, 3.0, 5.0)
    assert plain.connections.within == 0.2
    assert plain.does("caches")
    told = section("{tasks: {caches: {timeout: 250ms}, models: {enabled: false}}}")
    assert (told.timeout("caches"), told.does("caches"), told.does("models")) == (0.25, True, False)
    assert not section("{enabled: false}").does("caches")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{tasks: {cache: {timeout: 1s}}}", 'c.yaml:1: .*there is no task "cache"; did you mean "caches"'),
        ("{wait_for: [store, nothing]}", 'there is no task "nothing"; known are answers, caches'),
        ("{prefixes: {files: [nowhere.txt]}}", "nowhere.txt"),
    ],
)
def test_what_is_no_task_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        section(text)

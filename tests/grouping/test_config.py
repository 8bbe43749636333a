import os

import pytest

from penstock.config import Config, ConfigError
from penstock.grouping import config as module
from penstock.grouping.config import GroupingConfig
from tests.support.gateway import OPEN_ECHO


def parse(text: str) -> GroupingConfig:
    return Config.parse(f"{OPEN_ECHO}grouping: {{{text}}}\n", "c.yaml", os.environ).of(GroupingConfig)


def test_it_is_off_by_default() -> None:
    assert parse("").group_by == "none"


@pytest.mark.parametrize(
    "text",
    ["group_by: size", "max_wait: 0s", "max_wait: 2", "min_prefix: 10", "slots: 0", "threshold: 2", "waiting: 0",
     "max_size: 1", "groups: -1", "release: later"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:\d+"):
        parse(text)


def test_likeness_wants_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.NEEDED, "static", ("no_such_package",))
    assert parse("group_by: prefix").group_by == "prefix"
    with pytest.raises(ConfigError, match=r"needs no_such_package.*penstock\[semantic\]"):
        parse("group_by: similarity")

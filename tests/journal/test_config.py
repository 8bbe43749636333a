import pytest

from penstock.config import Config, ConfigError
from penstock.journal.config import JournalConfig


def section(text: str) -> JournalConfig:
    return Config.parse(text, "penstock.yaml", {}).of(JournalConfig)


def test_for_how_long_rows_are_kept() -> None:
    assert section("journal: {keep: 1000}").keep_for == 0
    assert section("journal: {keep_for: 30d}").keep_for == 30 * 86_400
    with pytest.raises(ConfigError, match="a minute at least"):
        section("journal: {keep_for: 5s}")


def test_what_is_taken_out() -> None:
    assert section('journal: {redact: [email, "X[0-9]+"]}').redact == ["email", "X[0-9]+"]
    with pytest.raises(ConfigError, match=r"'\[' is neither"):
        section('journal: {redact: ["["]}')

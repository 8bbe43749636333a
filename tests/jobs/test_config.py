import pytest

from penstock.config import Config, ConfigError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs: {max_line: 64MiB}", "max_line"),
        ("jobs: {max_file: 30GiB}", "max_file"),
        ("jobs: {concurrency: 0}", "concurrency"),
        ("jobs: {load: 0}", "load"),
        ("jobs: {running: -1}", "running"),
        ("jobs: {delegate: {price: 2}}", "price"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config.parse(text, "f", {})

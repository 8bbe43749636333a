"""settings.toml as the app reads it."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


def test_what_is_wrong_is_named(synthesised: Synthesised) -> None:
    assert synthesised.wrong["strange"] == "[store]: node_count: there is no such setting"
    assert "keys would cross the internet in plain text" in synthesised.wrong["plain text"]
    assert "nodes" in synthesised.wrong["lacking"]

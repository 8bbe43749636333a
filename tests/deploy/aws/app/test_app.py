"""The stacks that the app makes."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


def test_both_variants_stand_on_one_base(synthesised: Synthesised) -> None:
    assert sorted(synthesised.resources) == ["base", "function", "service"]


def test_no_secret_stands_in_any_template(synthesised: Synthesised) -> None:
    texts = "".join(synthesised.texts.values())
    assert "UP_KEY" in texts  # its name does, for tasks
    assert "unset" not in texts
    assert "{{resolve:secretsmanager:" in synthesised.texts["base"]

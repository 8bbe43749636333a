import os

import pytest

from penstock.providers.local.engine import installed
from penstock.providers.local.weights import WeightsError, fetch_weights


@pytest.fixture(scope="module")
def weights() -> str:
    """The real model. Where it cannot be had its tests are skipped, but not on a machine that judges changes."""
    reason = ""
    if not installed():
        reason = "xllamacpp is not installed"
    else:
        try:
            return str(fetch_weights())
        except WeightsError as error:
            reason = str(error)
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

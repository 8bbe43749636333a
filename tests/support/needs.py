"""What a test needs of the machine beside Python. Where it is missing, the test is skipped and counted as such; on a
machine that judges changes (``CI=true``), which installs it all, the test fails: nothing may go untested there."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """End this test: ``what`` is not here."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, which CI must have", pytrace=False)
    pytest.skip(what)


def program(name: str) -> str:
    """The path of an installed program."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed")
    return found

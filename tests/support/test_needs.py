"""A test that misses something, as a user and as CI sees it."""

import os
import subprocess
import sys

from tests.support.running_gateway import ROOT

MARKED = "tests/cli/test_serve.py::test_what_it_says_is_true"


def last_line(**environment: str) -> str:
    """What pytest says in the end of a test that needs curl, where there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", MARKED],
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, "PATH": "/nowhere", **environment},
        cwd=ROOT, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert "curl is not installed" in done.stdout
    return done.stdout.splitlines()[-1]


def test_it_is_skipped_for_a_user_and_fails_where_changes_are_judged() -> None:
    assert "1 skipped" in last_line()
    assert "1 error" in last_line(CI="true")

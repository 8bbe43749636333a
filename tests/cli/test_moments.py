import pytest

from penstock.cli.moments import printed


@pytest.mark.parametrize(
    ("at", "text"), [(0.0, "1970-01-01 00:00:00"), (86_399.9, "1970-01-01 23:59:59"), (1e30, "1e+30"), (None, "-")]
)
def test_a_moment_is_told_in_utc(at: float | None, text: str) -> None:
    assert printed(at) == text

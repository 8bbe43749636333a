import argparse
from collections.abc import Callable
from typing import Any

import pytest

from penstock.cli.amounts import number, seconds, whole


@pytest.mark.parametrize(
    ("read", "given", "found"),
    [
        (whole(1, 9), "9", 9), (whole(-5, 9), "-5", -5), (number(2.0), "0.5", 0.5), (number(0.5, least=0.0), "0", 0.0),
        (seconds, "1m", 60.0),
    ],
)  # fmt: skip
def test_what_they_are(read: Callable[[str], Any], given: str, found: float) -> None:
    assert read(given) == found


@pytest.mark.parametrize(
    ("read", "given", "says"),
    [
        (whole(1, 9), "0", "a whole number from 1 to 9"), (whole(1, 9), "10", "from 1 to 9"),
        (whole(1, 9), "two", "from 1 to 9"), (whole(1, 9), "1.5", "from 1 to 9"), (whole(1, 9), "", "from 1 to 9"),
        (number(2.0), "0", "a number above 0, 2 at most"), (number(2.0), "2.1", "2 at most"),
        (number(2.0), "x", "above 0"), (number(2.0), "nan", "above 0"), (number(0.5, least=0.0), "-1", "from 0, 0.5"),
        (seconds, "5", "a number with a unit"), (seconds, "0s", "longer than nothing"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_in_words(read: Callable[[str], Any], given: str, says: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=says):
        read(given)

import pytest

from penstock.streaming.config import MergeConfig
from penstock.streaming.merging import waits
from penstock.wire.pieces import Piece

RULE = MergeConfig()


def piece(text: str, kind: str = "text") -> Piece:
    return Piece(b"", kind, text, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "round_trip", "unread", "held"),
    [
        ("ab", 0.05, 0.0, True),
        ("abc", 0.05, 0.0, False),
        ("abc", 0.05, 0.51, True),
        ("abc", 0.05, 0.5, False),
        ("ab", 0.049, 0.0, False),
        ("ab", 0.049, 1.0, False),
        ("ab", None, 1.0, False),
        (".", 0.2, 0.0, False),
        (", ", 0.2, 0.0, False),
        ("\n", 0.2, 0.0, False),
        ("。", 0.2, 1.0, False),
        (" a", 0.2, 0.0, True),
    ],
)
def test_the_rule(text: str, round_trip: float | None, unread: float, held: bool) -> None:
    assert waits(piece(text), round_trip, unread, RULE) is held


@pytest.mark.parametrize("kind", ["special", "empty"])
def test_what_is_no_text_never_waits(kind: str) -> None:
    assert not waits(piece("", kind), 0.2, 1.0, RULE)

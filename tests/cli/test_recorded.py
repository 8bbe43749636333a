from pathlib import Path

import pytest

from penstock.cli import recorded
from penstock.cli.failure import Failure
from penstock.cli.recorded import moment, text_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01 00:00:10", 10), ("1970-01-01T01:00:10+01:00", 10), ("10", 10), (10, 10), ("10.5", 10.5)],
)
def test_times(text: object, seconds: float) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize("text", ["soon", "inf", True, None])
def test_what_is_no_time(text: object) -> None:
    with pytest.raises(ValueError):
        moment(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "series.csv"
    with pytest.raises(Failure, match=r"penstock insight: .*series\.csv cannot be read"):
        text_of(str(path), "insight")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Failure, match="cannot be read"):
        text_of(str(path), "insight")
    path.write_text("\ufeff1,2\n", encoding="utf-8")
    assert text_of(str(path), "insight") == "1,2\n"
    monkeypatch.setattr(recorded, "MOST_BYTES", 2)
    with pytest.raises(Failure, match="is over"):
        text_of(str(path), "insight")

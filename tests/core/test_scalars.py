import os
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from penstock.core.scalars import convert, suggest
from penstock.core.shapes import FilePath, ReadableFile, shape_of
from penstock.core.units import Bytes, Dollars, Seconds

Name = Annotated[str, Meta(min_length=1, max_length=3)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Share = Annotated[float, Meta(gt=0, lt=1)]


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("on", Literal["on", "off"], "on"),
        ("true", bool, True),
        ("False", bool, False),
        ("yes", str, "yes"),
        ("8_400", int, 8400),
        ("-1", int, -1),
        ("1e3", float, 1000.0),
        ("5m", Seconds, 300.0),
        ("1KiB", Bytes, 1024),
        ("1.50", Dollars, 1_500_000),
        ("65535", Port, 65535),
        ("é", Name, "é"),
    ],
)
def test_values(text: str, annotation: Any, value: object) -> None:
    got = convert(text, shape_of(annotation), "/")
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation", "complaint"),
    [
        ("of", Literal["on", "off"], 'must be one of on, off; did you mean "off"?'),
        ("yes", bool, "must be true or false"),
        ("1.0", int, "must be a whole number"),
        ("0x10", int, "must be a whole number"),
        ("٣", int, "must be a whole number"),
        ("9" * 5000, int, "must be a whole number"),
        ("nan", float, "must be a number"),
        ("inf", float, "must be a number"),
        ("", float, "must be a number"),
        ("65536", Port, "must be at most 65535"),
        ("-1", Port, "must be at least 0"),
        ("0", Share, "must be more than 0"),
        ("1", Share, "must be less than 1"),
        ("0s", Annotated[Seconds, Meta(ge=90)], "must be at least 90s"),
        ("1GiB", Annotated[Bytes, Meta(le=2**20)], "must be at most 1MiB"),
        ("", Name, "must not be empty"),
        ("abcd", Name, "must have at most 3 characters"),
        ("a\nb", str, "must not hold a line break or another control character"),
        ("no-such-file", ReadableFile, "names a file that is not there"),
    ],
)
def test_complaints(text: str, annotation: Any, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        convert(text, shape_of(annotation), "/")
    assert str(caught.value) == complaint


def test_file_names_count_from_the_directory(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    assert convert("./a", shape_of(ReadableFile), str(tmp_path)) == f"{tmp_path}/a"
    assert convert("b/../c", shape_of(FilePath), "/d") == "/d/c"
    assert convert("/e", shape_of(FilePath), "/d") == "/e"
    assert convert("~/f", shape_of(FilePath), "/d") == os.path.expanduser("~/f")


def test_suggestions() -> None:
    assert suggest("model_lst", ["models", "listen"]) == '; did you mean "models"?'
    assert suggest("zzz", ["models", "listen"]) == ""

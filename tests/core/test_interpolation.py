from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.interpolation import Reference, escape, fill, has_reference, references, rewritten

ENVIRON = {"NAME": "value", "EMPTY": "", "ODD": "${NAME} $${ }"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${MISSING:-other}", "other"),
        ("${MISSING:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${NAME:-other}", "value"),
        ("${MISSING:-http://host:80/x}", "http://host:80/x"),
        ("$${NAME}", "${NAME}"),
        ("$$NAME $NAME }", "$$NAME $NAME }"),
    ],
)
def test_references(text: str, filled: str) -> None:
    assert fill(text, ENVIRON, "/") == filled


def test_a_value_is_never_read_for_more_references() -> None:
    assert fill("${ODD}", ENVIRON, "/") == "${NAME} $${ }"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("${MISSING}", "variable MISSING is not set"),
        ("${1A}", "is not \\$\\{NAME\\}"),
        ("${}", "is not"),
        ("${NAME", "not closed"),
        ("${file:}", "names no file"),
        ("${file:no/such/file}", "cannot read the file no/such/file"),
        ("${file:a\0b}", "not valid"),
    ],
)
def test_bad_references_are_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        fill(text, ENVIRON, "/")


def test_a_file_counts_from_the_config_and_loses_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\r\n\n")
    assert fill("Bearer ${file:key}", {}, str(tmp_path)) == "Bearer s3cret"
    assert fill(f"${{file:{tmp_path}/key}}", {}, "/") == "s3cret"


def test_a_file_that_is_large_or_binary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="larger than 64 KiB"):
        fill("${file:large}", {}, str(tmp_path))
    with pytest.raises(ValueError, match="not UTF-8"):
        fill("${file:binary}", {}, str(tmp_path))


def test_what_counts_as_a_reference() -> None:
    assert has_reference("a${B}")
    assert has_reference("${open")
    assert not has_reference("$${B} $B {B}")


@given(st.text())
def test_escaped_text_stays_as_it_is(text: str) -> None:
    assert fill(escape(text), {}, "/") == text
    assert not has_reference(escape(text))


def test_references_are_told_without_being_filled_in() -> None:
    text = "${A} $${B} ${D:-d} ${file:/x} ${not a name} ${"
    assert list(references(text)) == [Reference("A"), Reference("D", "d"), Reference("", None, "/x")]


def test_references_are_rewritten_in_their_places() -> None:
    assert rewritten("a ${A:-x} $${B} ${C}", lambda inner: f"<{inner}>") == "a <A:-x> $${B} <C>"

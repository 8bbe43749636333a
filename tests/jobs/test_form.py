import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.jobs.form import Field, Form, Piece, boundary_of
from tests.support.jobs import form


def read(data: bytes, step: int) -> tuple[Form, list[Field], bytes]:
    made, fields, file = Form(b"xyz"), [], b""
    for at in range(0, len(data), step):
        for event in made.feed(data[at : at + step]):
            if isinstance(event, Piece):
                file += event.data
            else:
                fields.append(event)
    return made, fields, file


@given(st.binary(max_size=300), st.integers(1, 400))
def test_a_form_is_read_in_any_pieces(content: bytes, step: int) -> None:
    if b"\r\n--xyz" in b"\r\n" + content + b"\r\n":
        return
    data = form(("purpose", b"batch"), ("file", content), ("expires_after[seconds]", b""))
    made, fields, file = read(data, step)
    assert made.ended
    assert file == content
    assert fields == [Field("purpose", "batch"), Field("file", "", "in.jsonl"), Field("expires_after[seconds]", "")]


def test_what_looks_like_a_boundary_stays_in_the_file() -> None:
    content = b"--xyz\r\n--xy\r\n\r\n--xy"
    assert read(form(("file", b"a" + content)), 3)[2] == b"a" + content


@pytest.mark.parametrize(
    "data",
    [
        b"--xyz\r\n\r\nvalue\r\n--xyz--\r\n",
        b"--xyzA\r\n",
        b"--xyz\r\n" + b"x" * 20_000,
        form(("a", b"x" * 10_000)),
        form(*[("a", b"x")] * 100),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(CallerError) as error:
        read(data, 1000)
    assert error.value.code == "invalid_form"


def test_a_form_that_ends_early_has_not_ended() -> None:
    assert not read(form(("file", b"abc"))[:-8], 5)[0].ended


def test_boundaries() -> None:
    assert boundary_of(b'multipart/form-data; boundary="a b"') == b"a b"
    assert boundary_of(b"Multipart/Form-Data; charset=x; boundary=ab") == b"ab"
    for wrong in (b"", b"application/json", b"multipart/form-data", b"multipart/mixed; boundary=a"):
        with pytest.raises(CallerError):
            boundary_of(wrong)
